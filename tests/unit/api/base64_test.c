/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of kubeconfig files: RFC 4648's own vectors, every byte, and what is none. */
#include "api/base64.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "test.h"

static void decodes(const char *text, const char *bytes, size_t size)
{
    OWN_MEM char *out = NULL;
    size_t out_size = 0;
    struct err e = {0};

    assert_int_equal(base64_decode(&out, &out_size, text, &e), 0);
    assert_int_equal(out_size, size);
    assert_memory_equal(out, bytes, size + 1);
}

static void test_vectors(void **state)
{
    (void)state;
    decodes("", "", 0);
    decodes("Zg==", "f", 1);
    decodes("Zm8=", "fo", 2);
    decodes("Zm9v", "foo", 3);
    decodes("Zm9vYmFy", "foobar", 6);
    decodes("Zm9v\n  YmE=\r\n", "fooba", 5);
    decodes("Zm9vYg", "foob", 4); /* padding left out */
    decodes("AP/+", "\0\xff\xfe", 3);
}

static void test_refuses(void **state)
{
    static const char *const texts[] = {"Z", "Zg=a", "Zg===", "Zm9*", "Zm9v-_", "====", "Zm9vZ"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        OWN_MEM char *out = NULL;
        size_t size;
        struct err e = {0};

        assert_int_equal(base64_decode(&out, &size, texts[i], &e), -EINVAL);
        assert_null(out);
        assert_true(*e.msg != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
