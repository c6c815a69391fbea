#include "image.h"

#include <stdlib.h>
#include <string.h>

void image_init(struct image *image, size_t bytes, const struct image *below) {
    image->count = (bytes + page_size - 1) / page_size;
    image->pages = calloc(image->count, sizeof *image->pages);
    image->below = below;
    if (!image->pages) {
        abort();
    }
}

void image_clear(struct image *image) {
    for (size_t at = 0; at < image->count; at++) {
        free(image->pages[at]);
        image->pages[at] = NULL;
    }
}

static const uint8_t *page_of(const struct image *image, size_t page) {
    while (image && !image->pages[page]) {
        image = image->below;
    }
    return image ? image->pages[page] : NULL;
}

static uint8_t *own_page(struct image *image, size_t page) {
    if (!image->pages[page]) {
        const uint8_t *old = page_of(image, page);
        uint8_t *made = malloc(page_size);
        if (!made) {
            abort();
        }
        if (old) {
            memcpy(made, old, page_size);
        } else {
            memset(made, 0, page_size);
        }
        image->pages[page] = made;
    }
    return image->pages[page];
}

void image_copy(struct image *to, const struct image *from) {
    image_clear(to);
    for (size_t at = 0; at < from->count; at++) {
        if (from->pages[at]) {
            memcpy(own_page(to, at), from->pages[at], page_size);
        }
    }
}

void image_read(const struct image *image, void *bytes, size_t count, size_t offset) {
    while (count) {
        size_t within = offset % page_size;
        size_t part = page_size - within < count ? page_size - within : count;
        const uint8_t *page = page_of(image, offset / page_size);
        if (page) {
            memcpy(bytes, page + within, part);
        } else {
            memset(bytes, 0, part);
        }
        bytes = (uint8_t *)bytes + part;
        offset += part;
        count -= part;
    }
}

void image_write(struct image *image, const void *bytes, size_t count, size_t offset) {
    while (count) {
        size_t within = offset % page_size;
        size_t part = page_size - within < count ? page_size - within : count;
        memcpy(own_page(image, offset / page_size) + within, bytes, part);
        bytes = (const uint8_t *)bytes + part;
        offset += part;
        count -= part;
    }
}
