/*
 * A doubly linked list whose links lie inside the entries.
 *
 * A list is a head and the links of its entries, joined in a ring; an empty list is a head joined to itself. The list
 * owns nothing and locks nothing. Macros that lead from a link to its entry need container_of of lite-utils.h, and
 * NULL; the type of the entry is their last argument wherever they walk.
 */
#ifndef _LINUX_LIST_H
#define _LINUX_LIST_H

#ifdef __cplusplus
extern "C" {
#endif

/** A head, or the link inside an entry. */
typedef struct list_head {
    /** Following link; the head after the last entry. */
    struct list_head *next;
    /** Preceding link; the head before the first entry. */
    struct list_head *prev;
} list_head_t;

/** Brace initialiser of a head called name. */
#define LIST_HEAD_INIT(name) { &(name), &(name) }

/** Defines a head called name as an empty list. */
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

/** Makes list an empty head, or a link that is in no list. */
static inline void INIT_LIST_HEAD(struct list_head *list)
{
    list->next = list;
    list->prev = list;
}

/** Puts new_ptr between two neighbours. */
static inline void __list_add(struct list_head *new_ptr, struct list_head *prev, struct list_head *next)
{
    new_ptr->prev = prev;
    new_ptr->next = next;
    prev->next = new_ptr;
    next->prev = new_ptr;
}

/** Puts new_ptr right behind head: first of the list. */
static inline void list_add(struct list_head *new_ptr, struct list_head *head)
{
    __list_add(new_ptr, head, head->next);
}

/** Puts new_ptr right before head: last of the list. */
static inline void list_add_tail(struct list_head *new_ptr, struct list_head *head)
{
    __list_add(new_ptr, head->prev, head);
}

/** Joins two links, which takes out whatever lay between them. */
static inline void __list_del(struct list_head *prev, struct list_head *next)
{
    prev->next = next;
    next->prev = prev;
}

/** Takes entry out; its own pointers stay as they are. */
static inline void __list_del_entry(struct list_head *entry)
{
    __list_del(entry->prev, entry->next);
}

/** Takes entry out; its own pointers become null and it must not be used before it is added again. */
static inline void list_del(struct list_head *entry)
{
    __list_del_entry(entry);
    entry->next = 0;
    entry->prev = 0;
}

/** Puts new_ptr in the place of old; the pointers of old stay as they are. */
static inline void list_replace(struct list_head *old, struct list_head *new_ptr)
{
    __list_add(new_ptr, old->prev, old->next);
}

/** Puts new_ptr in the place of old, which becomes an empty list. */
static inline void list_replace_init(struct list_head *old, struct list_head *new_ptr)
{
    list_replace(old, new_ptr);
    INIT_LIST_HEAD(old);
}

/** Takes entry out and makes it an empty list. */
static inline void list_del_init(struct list_head *entry)
{
    __list_del_entry(entry);
    INIT_LIST_HEAD(entry);
}

/** Takes list out of where it is and puts it first behind head. */
static inline void list_move(struct list_head *list, struct list_head *head)
{
    __list_del_entry(list);
    list_add(list, head);
}

/** Takes list out of where it is and puts it last before head. */
static inline void list_move_tail(struct list_head *list, struct list_head *head)
{
    __list_del_entry(list);
    list_add_tail(list, head);
}

/** Whether list is the last link of head. */
static inline int list_is_last(const struct list_head *list, const struct list_head *head)
{
    return list->next == head;
}

/** Whether head has no entries. */
static inline int list_empty(const struct list_head *head)
{
    return head->next == head;
}

/** Whether head has no entries, looking both ways: also false while another thread is in the middle of removing one. */
static inline int list_empty_careful(const struct list_head *head)
{
    const struct list_head *next = head->next;

    return next == head && head->prev == next;
}

/** Makes the first entry the last. */
static inline void list_rotate_left(struct list_head *head)
{
    if (!list_empty(head)) {
        list_move_tail(head->next, head);
    }
}

/** Whether head has exactly one entry. */
static inline int list_is_singular(const struct list_head *head)
{
    return !list_empty(head) && head->next == head->prev;
}

/** Entry of the given type whose link `member` is at ptr. */
#define list_entry(ptr, type, member) container_of(ptr, type, member)

/** First entry of head at ptr; the list must not be empty. */
#define list_first_entry(ptr, type, member) list_entry((ptr)->next, type, member)

/** Last entry of head at ptr; the list must not be empty. */
#define list_last_entry(ptr, type, member) list_entry((ptr)->prev, type, member)

/** First entry of head at ptr, NULL for an empty list. */
#define list_first_entry_or_null(ptr, type, member) (list_empty(ptr) ? NULL : list_first_entry(ptr, type, member))

/** Entry after pos. */
#define list_next_entry(pos, member, type) list_entry((pos)->member.next, type, member)

/** Entry before pos. */
#define list_prev_entry(pos, member, type) list_entry((pos)->member.prev, type, member)

/** Walks the links of head; pos is a struct list_head pointer. */
#define list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)

/** Same as list_for_each. */
#define __list_for_each(pos, head) list_for_each(pos, head)

/** Walks the links of head backward. */
#define list_for_each_prev(pos, head) for (pos = (head)->prev; pos != (head); pos = pos->prev)

/** Walks the links of head; the body may take pos out. n is a second struct list_head pointer. */
#define list_for_each_safe(pos, n, head) \
    for (pos = (head)->next, n = pos->next; pos != (head); pos = n, n = pos->next)

/** Walks the links of head backward; the body may take pos out. */
#define list_for_each_prev_safe(pos, n, head) \
    for (pos = (head)->prev, n = pos->prev; pos != (head); pos = n, n = pos->prev)

/** Walks the entries of head; pos is a pointer to the given type. */
#define list_for_each_entry(pos, head, member, type) \
    for (pos = list_first_entry(head, type, member); &pos->member != (head); pos = list_next_entry(pos, member, type))

/** Walks the entries of head backward. */
#define list_for_each_entry_reverse(pos, head, member, type) \
    for (pos = list_last_entry(head, type, member); &pos->member != (head); pos = list_prev_entry(pos, member, type))

/** pos, or for NULL the place before the first entry: start value of the continue forms (needs GNU C). */
#define list_prepare_entry(pos, head, member, type) ((pos) ? : list_entry(head, type, member))

/** Walks the entries behind pos. */
#define list_for_each_entry_continue(pos, head, member, type) \
    for (pos = list_next_entry(pos, member, type); &pos->member != (head); pos = list_next_entry(pos, member, type))

/** Walks the entries before pos, backward. */
#define list_for_each_entry_continue_reverse(pos, head, member, type) \
    for (pos = list_prev_entry(pos, member, type); &pos->member != (head); pos = list_prev_entry(pos, member, type))

/** Walks the entries from pos on. */
#define list_for_each_entry_from(pos, head, member, type) \
    for (; &pos->member != (head); pos = list_next_entry(pos, member, type))

/** Walks the entries of head; the body may take pos out. n is a second pointer to the given type. */
#define list_for_each_entry_safe(pos, n, head, member, type)                                            \
    for (pos = list_first_entry(head, type, member), n = list_next_entry(pos, member, type);            \
         &pos->member != (head); pos = n, n = list_next_entry(n, member, type))

/** Walks the entries behind pos; the body may take pos out. */
#define list_for_each_entry_safe_continue(pos, n, head, member, type)                                   \
    for (pos = list_next_entry(pos, member, type), n = list_next_entry(pos, member, type);              \
         &pos->member != (head); pos = n, n = list_next_entry(n, member, type))

/** Walks the entries from pos on; the body may take pos out. */
#define list_for_each_entry_safe_from(pos, n, head, member, type)                                       \
    for (n = list_next_entry(pos, member, type); &pos->member != (head);                                \
         pos = n, n = list_next_entry(n, member, type))

/** Walks the entries of head backward; the body may take pos out. */
#define list_for_each_entry_safe_reverse(pos, n, head, member, type)                                    \
    for (pos = list_last_entry(head, type, member), n = list_prev_entry(pos, member, type);             \
         &pos->member != (head); pos = n, n = list_prev_entry(n, member, type))

/** In a safe walk: sets n to the entry behind pos again, after the body has changed the list there. */
#define list_safe_reset_next(pos, n, member, type) n = list_next_entry(pos, member, type)

#ifdef __cplusplus
}
#endif

#endif /* _LINUX_LIST_H */
