/* The functions of the model port that take a variable number of arguments, which Rust cannot write. */
#include <stdarg.h>
#include <stdio.h>

int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap)
{
    return len < 0 ? -1 : vsnprintf(str, (size_t)len, fmt, ap);
}

int HAL_Snprintf(char *str, const int len, const char *fmt, ...)
{
    va_list arguments;
    int     length;

    va_start(arguments, fmt);
    length = HAL_Vsnprintf(str, len, fmt, arguments);
    va_end(arguments);
    return length;
}

/* A fuzz target has millions of runs, nobody reads their log. */
void HAL_Printf(const char *fmt, ...)
{
    (void)fmt;
}
