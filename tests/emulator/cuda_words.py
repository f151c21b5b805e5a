# SPDX-License-Identifier: Apache-2.0
"""What the driver says of each code, and NVIDIA's runtime, which has words of its own: for a Python with cuda-bindings.

Prints one JSON object: by the code's name, the driver's name, its words, and the runtime's (null: it has no such code).
"""
import json

from cuda.bindings import driver, runtime


def words(answer):
    return answer[1].decode() if answer[1] else None


def of_runtime(code):
    try:
        return words(runtime.cudaGetErrorString(runtime.cudaError_t(int(code))))
    except ValueError:
        return None


print(json.dumps({code.name: [words(driver.cuGetErrorName(code)), words(driver.cuGetErrorString(code)),
                              of_runtime(code)] for code in driver.CUresult}))
