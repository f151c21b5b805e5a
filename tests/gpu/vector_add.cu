/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector-add: takes 3 x 256 MiB on the first GPU that it sees, adds two vectors there, and looks at
 * every sum. Prints one line of JSON; fails unless all is right.
 */
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cuda_runtime.h>

namespace
{
const size_t N = size_t(64) << 20;

void check(cudaError_t rc, const char *what)
{
    if (rc == cudaSuccess)
        return;
    std::fprintf(stderr, "vector-add: %s: %s\n", what, cudaGetErrorString(rc));
    std::exit(1);
}

__global__ void add(float *out, const float *a, const float *b, size_t n)
{
    size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x;

    if (i < n)
        out[i] = a[i] + b[i];
}

size_t count_wrong(const std::vector<float> &sum)
{
    size_t wrong = 0;

    for (size_t i = 0; i < sum.size(); i++)
        wrong += sum[i] != float(i % 4096) + float(i % 1021) * 2;
    return wrong;
}
} // namespace

int main()
{
    std::vector<float> a(N), b(N), sum(N);
    float *at_a, *at_b, *at_sum;
    cudaDeviceProp properties;
    int gpus = 0, driver = 0;
    size_t wrong;

    check(cudaGetDeviceCount(&gpus), "count the GPUs");
    check(cudaDriverGetVersion(&driver), "ask for the driver's version");
    check(cudaGetDeviceProperties(&properties, 0), "read the GPU's properties");
    for (size_t i = 0; i < N; i++) {
        a[i] = float(i % 4096);
        b[i] = float(i % 1021) * 2;
    }
    check(cudaMalloc(&at_a, N * sizeof *at_a), "take memory");
    check(cudaMalloc(&at_b, N * sizeof *at_b), "take memory");
    check(cudaMalloc(&at_sum, N * sizeof *at_sum), "take memory");
    check(cudaMemcpy(at_a, a.data(), N * sizeof *at_a, cudaMemcpyHostToDevice), "copy in");
    check(cudaMemcpy(at_b, b.data(), N * sizeof *at_b, cudaMemcpyHostToDevice), "copy in");
    add<<<unsigned((N + 255) / 256), 256>>>(at_sum, at_a, at_b, N);
    check(cudaGetLastError(), "start the kernel");
    check(cudaDeviceSynchronize(), "run the kernel");
    check(cudaMemcpy(sum.data(), at_sum, N * sizeof *at_sum, cudaMemcpyDeviceToHost), "copy out");
    wrong = count_wrong(sum);
    std::printf("{\"gpus\": %d, \"name\": \"%s\", \"uuid\": \"GPU-", gpus, properties.name);
    for (int i = 0; i < 16; i++)
        std::printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                    (unsigned char)properties.uuid.bytes[i]);
    std::printf("\", \"cudaVersion\": %d, \"elements\": %zu, \"wrong\": %zu}\n", driver, N, wrong);
    return wrong ? 1 : 0;
}
