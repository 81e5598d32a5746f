#!/usr/bin/env python3
"""Headers include what they say of the standard library.

usage: check_includes.py [FILE...]

One standard library has in another's header what a second has not: a header that forgets
<cstddef> compiles for years. The names that matter are below. Without a file all headers of
the library are read. Prints what is missing.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = {
    "algorithm": "all_of any_of copy fill find find_if max min none_of remove_if sort",
    "array": "array",
    "atomic": "atomic atomic_flag memory_order_acquire memory_order_relaxed memory_order_release",
    "chrono": "chrono",
    "concepts": "constructible_from convertible_to derived_from invocable same_as",
    "condition_variable": "condition_variable",
    "cstddef": "byte max_align_t nullptr_t ptrdiff_t size_t",
    "cstdint": "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t",
    "deque": "deque",
    "exception": "current_exception exception_ptr rethrow_exception terminate uncaught_exceptions",
    "filesystem": "filesystem",
    "functional": "cref function invoke ref",
    "initializer_list": "initializer_list",
    "iterator": "back_inserter iterator_traits make_move_iterator",
    "limits": "numeric_limits",
    "map": "map multimap",
    "memory": "addressof allocate_shared allocator allocator_traits construct_at destroy_at enable_shared_from_this "
              "make_shared make_unique shared_ptr unique_ptr weak_ptr",
    "mutex": "call_once lock_guard mutex once_flag scoped_lock unique_lock",
    "new": "align_val_t bad_alloc launder nothrow",
    "optional": "nullopt optional",
    "random": "mt19937 random_device",
    "set": "multiset set",
    "span": "span",
    "stdexcept": "logic_error runtime_error",
    "string": "string to_string",
    "string_view": "string_view",
    "system_error": "errc error_category error_code generic_category make_error_code system_category system_error",
    "thread": "thread",
    "tuple": "apply make_tuple tie tuple",
    "type_traits": "conditional_t decay_t enable_if_t false_type integral_constant invoke_result_t is_same_v "
                   "remove_cvref_t true_type",
    "utility": "declval exchange forward in_place index_sequence index_sequence_for move pair swap",
    "variant": "monostate variant visit",
    "vector": "vector",
}
IMPLIED = {"initializer_list": {"string", "vector"}, # By the standard.
           "chrono": {"subprocess/detail/durations.hpp"}} # What is there for that.


def missing(text):
    included = set(re.findall(r"#include <([\w/.]+)>", text))
    code = re.sub(r"//.*", "", text)
    for header, names in NAMES.items():
        said = re.search(rf"\bstd::({'|'.join(names.split())})\b", code)
        if said and header not in included and not included & IMPLIED.get(header, set()):
            yield header, said.group(0)


def main():
    files = sys.argv[1:] or [path for half in ("subprocess", "asio_integration") for path in sorted((ROOT / half).rglob("*.hpp"))]
    wrong = 0
    for file in map(pathlib.Path, files):
        for header, said in missing(file.read_text()):
            print(f"{file}: no <{header}>, and says {said}")
            wrong += 1
    return 1 if wrong or not files else 0


sys.exit(main())
