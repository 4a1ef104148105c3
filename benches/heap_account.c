/*
 * Preloaded (LD_PRELOAD) into a contender: counts what it asks of malloc() and its like, libraries included, and writes
 * `allocations` and `heap_peak` to the file named by HEAP_ACCOUNT when the program ends. Sizes are those the C library
 * hands out. For glibc, whose own functions have second names.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void  __libc_free(void *block);

static size_t sg_allocations;
static size_t sg_live;
static size_t sg_peak;

static void *_taken(void *block)
{
    size_t live;
    size_t peak;

    if (block == NULL) {
        return NULL;
    }
    __atomic_add_fetch(&sg_allocations, 1, __ATOMIC_RELAXED);
    live = __atomic_add_fetch(&sg_live, malloc_usable_size(block), __ATOMIC_RELAXED);
    peak = __atomic_load_n(&sg_peak, __ATOMIC_RELAXED);
    while (live > peak && !__atomic_compare_exchange_n(&sg_peak, &peak, live, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return block;
}

static void _given_back(void *block)
{
    __atomic_sub_fetch(&sg_live, malloc_usable_size(block), __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    return _taken(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return _taken(__libc_calloc(count, size));
}

/* Counts as an allocation, because it may be one. */
void *realloc(void *block, size_t size)
{
    size_t before = malloc_usable_size(block);
    void  *moved  = __libc_realloc(block, size);

    if (moved != NULL || size == 0) {
        __atomic_sub_fetch(&sg_live, before, __ATOMIC_RELAXED);
    }
    return _taken(moved);
}

void *memalign(size_t alignment, size_t size)
{
    return _taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = memalign(alignment, size);
    return *block != NULL ? 0 : ENOMEM;
}

void free(void *block)
{
    _given_back(block);
    __libc_free(block);
}

__attribute__((destructor)) static void _report(void)
{
    const size_t allocations = sg_allocations;
    const size_t peak        = sg_peak;
    const char  *path        = getenv("HEAP_ACCOUNT");
    FILE        *file        = path != NULL ? fopen(path, "w") : NULL;

    if (file == NULL || fprintf(file, "allocations %zu\nheap_peak %zu\n", allocations, peak) < 0 || fclose(file) != 0) {
        fprintf(stderr, "heap account: cannot write %s: %s\n", path != NULL ? path : "HEAP_ACCOUNT", strerror(errno));
    }
}
