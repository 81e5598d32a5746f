#include <asio_integration/pool_event.hpp>

#include <ostream>

namespace subprocess {
namespace {

std::string subject_of(const pool_event& event)
{
  switch (event.kind) {
  case pool_event_kind::replaced:
  case pool_event_kind::replace_failed:
  case pool_event_kind::gave_up: return "pool";
  case pool_event_kind::backing_off: return "slot " + std::to_string(event.slot);
  default: break;
  }
  std::string text = "worker " + std::to_string(event.worker) + " (slot " + std::to_string(event.slot);
  if (event.pid != -1)
    text += ", pid " + std::to_string(event.pid);
  return text + ')';
}

// A worker's line must not look like one of the log's own, nor move the cursor.
void append_printable(std::string& text, std::string_view line)
{
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char one : line) {
    const auto byte = static_cast<unsigned char>(one);
    if (byte >= 0x20 && byte != 0x7f)
      text += one;
    else
      text.append("\\x") += {digits[byte >> 4], digits[byte & 15]};
  }
}

std::string milliseconds(std::chrono::nanoseconds delay)
{
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(delay).count()) + " ms";
}

std::string_view words(pool_event_kind kind) noexcept
{
  switch (kind) {
  case pool_event_kind::spawn_failed: return "spawn failed";
  case pool_event_kind::backing_off: return "backing off for ";
  case pool_event_kind::replace_failed: return "replace failed";
  case pool_event_kind::gave_up: return "gave up";
  default: return to_string(kind);
  }
}

} // namespace

std::string_view to_string(pool_event_kind kind) noexcept
{
  switch (kind) {
  case pool_event_kind::starting: return "starting";
  case pool_event_kind::spawn_failed: return "spawn_failed";
  case pool_event_kind::ready: return "ready";
  case pool_event_kind::reloading: return "reloading";
  case pool_event_kind::says: return "says";
  case pool_event_kind::stopping: return "stopping";
  case pool_event_kind::ended: return "ended";
  case pool_event_kind::died: return "died";
  case pool_event_kind::backing_off: return "backing_off";
  case pool_event_kind::replaced: return "replaced";
  case pool_event_kind::replace_failed: return "replace_failed";
  case pool_event_kind::gave_up: return "gave_up";
  case pool_event_kind::output: return "output";
  }
  return "unknown";
}

std::string_view to_string(stop_reason reason) noexcept
{
  switch (reason) {
  case stop_reason::none: return "none";
  case stop_reason::not_ready: return "not_ready";
  case stop_reason::lease_limit: return "lease_limit";
  case stop_reason::watchdog: return "watchdog";
  case stop_reason::protocol: return "protocol";
  case stop_reason::left: return "left";
  case stop_reason::dropped: return "dropped";
  case stop_reason::uses: return "uses";
  case stop_reason::age: return "age";
  case stop_reason::peak_rss: return "peak_rss";
  case stop_reason::resized: return "resized";
  case stop_reason::replaced: return "replaced";
  case stop_reason::withdrawn: return "withdrawn";
  case stop_reason::pool_ends: return "pool_ends";
  }
  return "unknown";
}

std::string to_string(const pool_event& event)
{
  std::string text = subject_of(event) + ": ";
  text += words(event.kind);
  switch (event.kind) {
  case pool_event_kind::ended:
  case pool_event_kind::died: text += ": " + to_string(event.status); break;
  case pool_event_kind::stopping: text.append(": ") += to_string(event.reason); break;
  case pool_event_kind::backing_off: text += milliseconds(event.delay); break;
  case pool_event_kind::says:
  case pool_event_kind::output: append_printable(text += ": ", event.text); break;
  default: break;
  }
  if (event.error)
    text += ": " + event.error.message();
  return text;
}

std::ostream& operator<<(std::ostream& out, const pool_event& event)
{
  return out << to_string(event);
}

} // namespace subprocess
