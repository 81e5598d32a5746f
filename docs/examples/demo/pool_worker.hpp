#pragma once

/// A worker in shell: it says that it is ready, and answers each line by its first
/// argument and the line. Some lines are orders.
inline constexpr const char* pool_worker = "echo ready; "
                                           "while IFS= read -r line; do "
                                           "case $line in "
                                           "slow*) sleep 0.5;; "
                                           "hang) kill -STOP $$;; "
                                           "pid) line=$$;; "
                                           "esac; "
                                           "printf '%s %s\\n' \"$1\" \"$line\"; "
                                           "done";
