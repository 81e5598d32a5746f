#include <asio_integration/detail/operations/made_operations.hpp>

#include <utility>

#include <asio_integration/detail/operations/capture_operation.hpp>
#include <asio_integration/detail/operations/change_operation.hpp>
#include <asio_integration/detail/operations/limited_operation.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>
#include <asio_integration/detail/operations/pipeline_operation.hpp>
#include <asio_integration/detail/operations/run_operation.hpp>
#include <asio_integration/detail/operations/spawn_operation.hpp>
#include <asio_integration/detail/operations/stop_operation.hpp>
#include <asio_integration/detail/operations/wait_many_operation.hpp>
#include <asio_integration/detail/pool/exchange_operation.hpp>

namespace subprocess::detail {

made_pointer make_spawn::operator()(const caller& who, done_type done, command what, spawn_failure* told) const
{
  return make_operation<spawn_operation>()(who, std::move(done), std::move(what), told);
}

made_pointer make_run::operator()(const caller& who, done_type done, command what, const run_options& options) const
{
  return make_operation<run_operation>()(who, std::move(done), std::move(what), options);
}

made_pointer make_capture::operator()(const caller& who, done_type done, command what, capture_options options) const
{
  return make_operation<capture_operation>()(who, std::move(done), std::move(what), std::move(options));
}

made_pointer make_pipeline::operator()(const caller& who, done_type done, const pipeline& what,
                                       capture_options options) const
{
  return make_operation<pipeline_operation>()(who, std::move(done), what, std::move(options));
}

made_pointer make_limited_run::operator()(const caller& who, done_type done, std::shared_ptr<permit_pool> pool,
                                          command what, const run_options& options) const
{
  using limited = limited_operation<run_operation, exit_status, command, run_options>;
  return make_operation<limited>()(who, std::move(done), std::move(pool), std::move(what), options);
}

made_pointer make_limited_capture::operator()(const caller& who, done_type done, std::shared_ptr<permit_pool> pool,
                                              command what, capture_options options) const
{
  using limited = limited_operation<capture_operation, captured_output, command, capture_options>;
  return make_operation<limited>()(who, std::move(done), std::move(pool), std::move(what), std::move(options));
}

made_pointer make_change::operator()(const caller& who, done_type done, const tracked_child& child) const
{
  return make_operation<change_operation>()(who, std::move(done), child);
}

made_pointer make_stop::operator()(const caller& who, done_type done, const tracked_child& child,
                                   stop_sequence sequence) const
{
  return make_operation<stop_operation>()(who, std::move(done), child, std::move(sequence));
}

made_pointer make_wait_any::operator()(const caller& who, done_type done, std::vector<awaited_child> children) const
{
  return make_operation<wait_any_operation>()(who, std::move(done), std::move(children));
}

made_pointer make_wait_all::operator()(const caller& who, done_type done, std::vector<awaited_child> children) const
{
  return make_operation<wait_all_operation>()(who, std::move(done), std::move(children));
}

made_pointer make_exchange::operator()(const caller& who, done_type done, std::shared_ptr<worker_link> worker,
                                       answer_shape shape, std::size_t longest, std::string request) const
{
  return make_operation<exchange_operation>()(who, std::move(done), std::move(worker), shape, longest,
                                              std::move(request));
}

} // namespace subprocess::detail
