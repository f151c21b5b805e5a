/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars against their types: what a plain YAML scalar means once it is JSON (YAML 1.1, as Go's
 * libraries read it), quantities, patterns, enumerations and bounds.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "config/suggest.h"
#include "schema/schema_check.h"

enum { LONGEST_MATCHED = 4096 }; /* texts beyond this are not matched with patterns */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *at, underscores between them, of a base up to 16; how many. */
static size_t skip_digits(const char **at, int base)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (; **at; (*at)++) {
        char c = (char)(**at >= 'A' && **at <= 'F' ? **at - 'A' + 'a' : **at);
        const char *found = strchr(digits, c);

        if (c != '_' && (!found || found - digits >= base))
            break;
        n += c != '_';
    }
    return n;
}

static bool is_whole(const char *p)
{
    int base = 10;

    if (*p == '-' || *p == '+')
        p++;
    if (p[0] == '0' && p[1]) {
        char sign = p[1];

        base = sign == 'x' || sign == 'X' ? 16 : sign == 'b' || sign == 'B' ? 2 : 8;
        p += 1 + (base != 8 || sign == 'o' || sign == 'O');
    }
    return *p != '_' && skip_digits(&p, base) > 0 && *p == '\0';
}

/* A decimal fraction or a power of ten; *integral: it is a whole number all the same ("1.0"). */
static bool is_fraction(const char *p, bool *integral)
{
    size_t before, after = 0;
    bool nothing_behind = true, power = false;

    if (*p == '-' || *p == '+')
        p++;
    if (*p == '.' && (p[1] == 'i' || p[1] == 'I' || p[1] == 'n' || p[1] == 'N'))
        return false; /* .inf and .nan are no JSON */
    before = skip_digits(&p, 10);
    if (*p == '.') {
        for (p++; is_digit(*p); p++, after++)
            nothing_behind = nothing_behind && *p == '0';
    }
    if (before + after == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        power = *p != '-';
        if (*p == '-' || *p == '+')
            p++;
        if (skip_digits(&p, 10) == 0)
            return false;
        nothing_behind = nothing_behind || power;
        *integral = power && nothing_behind;
        return *p == '\0';
    }
    *integral = nothing_behind;
    return *p == '\0';
}

enum schema_scalar schema_scalar(const struct yaml_node *node)
{
    bool integral = false;

    if (node->kind == YAML_NULL)
        return SCHEMA_SCALAR_NULL;
    if (!node->plain)
        return SCHEMA_SCALAR_TEXT;
    if (yaml_is_null(node->text))
        return SCHEMA_SCALAR_NULL;
    if (yaml_truth(node->text) >= 0)
        return SCHEMA_SCALAR_TRUTH;
    if (is_whole(node->text))
        return SCHEMA_SCALAR_WHOLE;
    if (is_fraction(node->text, &integral))
        return integral ? SCHEMA_SCALAR_WHOLE : SCHEMA_SCALAR_FRACTION;
    return SCHEMA_SCALAR_TEXT;
}

/*
 * Kubernetes' quantities: digits with at most one point, and a suffix or a power of ten; the API
 * server passes over spaces around them, and takes an empty text for 0.
 */
bool verify_quantity(const char *whole)
{
    char trimmed[64], *text = trimmed;
    size_t size;

    static const char *const suffixes[] = {"",  "n", "u",  "m",  "k",  "M",  "G",  "T",
                                           "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    size_t digits = 0, points = 0;

    whole += strspn(whole, " ");
    size = strlen(whole);
    while (size > 0 && whole[size - 1] == ' ')
        size--;
    if (size == 0 || size >= sizeof trimmed)
        return size == 0;
    memcpy(trimmed, whole, size);
    trimmed[size] = '\0';
    if (*text == '+' || *text == '-')
        text++;
    for (; is_digit(*text) || *text == '.'; text++) {
        digits += *text != '.';
        points += *text == '.';
    }
    if (digits == 0 || points > 1)
        return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (strcmp(text, suffixes[i]) == 0)
            return true;
    }
    if (*text != 'e' && *text != 'E')
        return false;
    text++;
    if (*text == '+' || *text == '-')
        text++;
    digits = strspn(text, "0123456789");
    return digits > 0 && text[digits] == '\0';
}

bool verify_pattern(struct schema_pattern *p, const char *text)
{
    if (!p->tried) {
        p->tried = true;
        p->usable = regcomp(&p->compiled, p->text, REG_EXTENDED | REG_NOSUB) == 0;
    }
    return !p->usable || strnlen(text, LONGEST_MATCHED + 1) > LONGEST_MATCHED ||
           regexec(&p->compiled, text, 0, NULL, 0) != REG_NOMATCH;
}

/* Standard base64, its padding included; line ends may be in it, as Go allows. */
static bool is_base64(const char *text)
{
    size_t n = 0, padding = 0;

    for (; *text; text++) {
        char c = *text;

        if (c == '\n' || c == '\r')
            continue;
        if (c == '=')
            padding++;
        else if (padding > 0 || !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) ||
                                  c == '+' || c == '/'))
            return false;
        n++;
    }
    return n % 4 == 0 && padding <= 2;
}

bool verify_placeholder(const char *text)
{
    static const char *const starts[] = {"YOUR_",    "YOUR-",     "REPLACE",
                                         "CHANGEME", "CHANGE_ME", "FILLED"};
    const char *open;

    if (strstr(text, "${") || strstr(text, "$(") || strstr(text, "{{") || strstr(text, "%(") ||
        strstr(text, " | "))
        return true;
    open = strstr(text, "__");
    if (open && open[2] >= 'A' && open[2] <= 'Z' && strstr(open + 2, "__"))
        return true;
    open = strchr(text, '<');
    if (open && strchr(open, '>'))
        return true;
    if (text[0] == '$' && text[1] >= 'A' && text[1] <= 'Z')
        return true;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (strncmp(text, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return strcmp(text, "...") == 0;
}

static size_t count_characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static bool has_value(const struct schema_enum *choices, const char *text)
{
    for (size_t i = 0; i < choices->n; i++) {
        if (strcmp(choices->values[i], text) == 0)
            return true;
    }
    return false;
}

static void fault_enum(struct check *c, struct schema_fault_at at, const struct schema_enum *e,
                       const char *text)
{
    char list[256] = "";
    size_t used = 0;
    const char *near = strcmp(text, "WhenUnderutilized") == 0 /* as it was called until v1 */
                           ? "WhenEmptyOrUnderutilized"
                           : suggest_find(text, e->values, e->n);

    if (near && !has_value(e, near))
        near = NULL;
    for (size_t i = 0; i < e->n && used < sizeof list; i++) {
        int size = *e->values[i] ? snprintf(list + used, sizeof list - used, "%s%s",
                                            used ? ", " : "", e->values[i])
                                 : 0;

        if (size < 0 || (size_t)size >= sizeof list - used) {
            (void)snprintf(list + (used < sizeof list - 6 ? used : sizeof list - 6), 6, ", …");
            break;
        }
        used += (size_t)size;
    }
    at.fault = SCHEMA_VALUE_ENUM;
    at.instead = near && *near ? near : "";
    verify_fault(c, at, "one of %s", list);
}

/* Whether the path is that of labels, whose values have a rule of their own. */
static bool in_labels(const struct check *c)
{
    return verify_ends(c, ".labels");
}

/* The text of a value of the right kind against its limits. */
static void check_limits(struct check *c, const struct schema_type *t, struct schema_fault_at at,
                         const char *text)
{
    size_t size;

    if (t->choices && !has_value(t->choices, text)) {
        fault_enum(c, at, t->choices, text);
        return;
    }
    if (in_labels(c))
        return;
    if (t->fewest > 0 || t->most < SIZE_MAX) {
        size = count_characters(text);
        at.fault = SCHEMA_VALUE_BOUNDS;
        if (size < t->fewest) {
            verify_fault(c, at, t->fewest == 1 ? "not empty" : "at least %zu characters",
                         t->fewest);
            return;
        }
        if (size > t->most) {
            verify_fault(c, at, "at most %zu characters", t->most);
            return;
        }
    }
    if (t->pattern && !verify_pattern(t->pattern, text)) {
        at.fault = SCHEMA_VALUE_PATTERN;
        verify_fault(c, at, "%s", t->pattern->text);
    }
}

/* A number's text as one; false where it is too large or not written in plain digits. */
static bool read_whole(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    int64_t value = 0;

    text += negative || *text == '+';
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++) {
        if (value > INT64_MAX / 10 - 1)
            return false;
        value = value * 10 + (*text - '0');
    }
    *out = negative ? -value : value;
    return *text == '\0';
}

static void check_number(struct check *c, const struct schema_type *t, struct schema_fault_at at,
                         const char *text)
{
    int64_t value;

    if (t->choices && !has_value(t->choices, text))
        fault_enum(c, at, t->choices, text);
    if (!read_whole(text, &value))
        return;
    at.fault = SCHEMA_VALUE_BOUNDS;
    if (t->has_low && value < t->low)
        verify_fault(c, at, "at least %lld", (long long)t->low);
    else if (t->has_high && value > t->high)
        verify_fault(c, at, "at most %lld", (long long)t->high);
}

static bool scalar_fits(enum schema_atom atom, enum schema_scalar s)
{
    switch (atom) {
    case SCHEMA_TEXT:
    case SCHEMA_BYTES:
        return s == SCHEMA_SCALAR_TEXT;
    case SCHEMA_WHOLE:
        return s == SCHEMA_SCALAR_WHOLE;
    case SCHEMA_NUMBER:
        return s == SCHEMA_SCALAR_WHOLE || s == SCHEMA_SCALAR_FRACTION;
    case SCHEMA_TRUTH:
        return s == SCHEMA_SCALAR_TRUTH;
    case SCHEMA_QUANTITY:
        return s != SCHEMA_SCALAR_TRUTH;
    case SCHEMA_WHOLE_OR_TEXT:
        return s == SCHEMA_SCALAR_WHOLE || s == SCHEMA_SCALAR_TEXT;
    case SCHEMA_ANY:
        return true;
    case SCHEMA_OBJECT:
    case SCHEMA_META:
    case SCHEMA_LIST:
    case SCHEMA_MAP:
        return false;
    }
    return false;
}

const char *schema_type_name(const struct schema_type *t)
{
    switch (t->atom) {
    case SCHEMA_TEXT:
        return "a text";
    case SCHEMA_BYTES:
        return "a base64 text";
    case SCHEMA_WHOLE:
        return "a whole number";
    case SCHEMA_NUMBER:
        return "a number";
    case SCHEMA_TRUTH:
        return "true or false";
    case SCHEMA_QUANTITY:
        return "a quantity";
    case SCHEMA_WHOLE_OR_TEXT:
        return "a whole number or a text";
    case SCHEMA_OBJECT:
    case SCHEMA_META:
    case SCHEMA_MAP:
        return "a map";
    case SCHEMA_LIST:
        return "a list";
    case SCHEMA_ANY:
        break;
    }
    return "anything";
}

void verify_scalar(struct check *c, const struct schema_type *t, const struct yaml_node *map,
                   const char *field, const struct yaml_node *value)
{
    struct schema_fault_at at = {.node = value, .map = map, .field = field, .type = t};
    enum schema_scalar scalar = schema_scalar(value);
    const char *text = value->text;

    if (scalar == SCHEMA_SCALAR_NULL || verify_placeholder(text))
        return;
    if (!scalar_fits(t->atom, scalar)) {
        at.fault = SCHEMA_VALUE_TYPE;
        verify_fault(c, at, "%s", schema_type_name(t));
        return;
    }
    at.fault = SCHEMA_VALUE_PATTERN;
    if (t->atom == SCHEMA_QUANTITY && !verify_quantity(text) && scalar == SCHEMA_SCALAR_TEXT)
        verify_fault(c, at, "a quantity such as 500m, 4 or 16Gi");
    else if (t->atom == SCHEMA_BYTES && !is_base64(text))
        verify_fault(c, at, "base64");
    else if (t->atom == SCHEMA_TEXT ||
             (t->atom == SCHEMA_WHOLE_OR_TEXT && scalar == SCHEMA_SCALAR_TEXT))
        check_limits(c, t, at, text);
    else if (t->atom == SCHEMA_WHOLE || t->atom == SCHEMA_NUMBER)
        check_number(c, t, at, text);
}
