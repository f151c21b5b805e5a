/* SPDX-License-Identifier: Apache-2.0 */
/* The table of back ends, and the choice among them. */
#include "inject/inject.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "inject/preload.h"

const struct inject *const *inject_all(void)
{
    static const struct inject *const all[] = {&inject_preload, NULL};

    return all;
}

const struct inject *inject_choose(const struct program *p, struct err *e)
{
    for (const struct inject *const *i = inject_all(); *i; i++)
        if ((*i)->check(p, e) == 0)
            return *i;
    return NULL;
}

int inject_add(struct inject_environment *env, struct err *e, const char *name, const char *fmt,
               ...)
{
    struct inject_variable *v = &env->variables[env->count];
    va_list args;
    int n;

    if (env->count == INJECT_VARIABLES_MAX || !TEXT_COPY(v->name, name))
        return err_set(e, E2BIG, "too many variables, '%s' is left over", name);
    va_start(args, fmt);
    n = vsnprintf(v->value, sizeof v->value, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof v->value)
        return err_set(e, E2BIG, "the value of %s would be too long", name);
    env->count++;
    return 0;
}
