#pragma once

namespace subprocess::detail {

/// The end of a step: where a handler may be called without another turn of the loop.
/// It stands outside of the step, which has let go of lock and operation by then.
class step_end {
public:
  /// A completion that waits for both: its operation's memory, and this.
  class call {
  public:
    virtual void step_is_over() = 0;

  protected:
    ~call() = default;
  };

  void add(call& waiting) noexcept { waiting_ = &waiting; }

  /// Throws what the handler throws.
  void reached()
  {
    if (waiting_)
      waiting_->step_is_over();
  }

private:
  call* waiting_ = nullptr;
};

} // namespace subprocess::detail
