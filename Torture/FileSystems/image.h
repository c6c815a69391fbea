// A sparse image of a disk, in pages.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { page_size = 4096 };

struct image {
    uint8_t **pages;
    size_t count;
    // Read through where this image has no page; nil: zeros.
    const struct image *below;
};

void image_init(struct image *image, size_t bytes, const struct image *below);
void image_clear(struct image *image);
void image_copy(struct image *to, const struct image *from);
void image_read(const struct image *image, void *bytes, size_t count, size_t offset);
void image_write(struct image *image, const void *bytes, size_t count, size_t offset);
