/* The reaper of a context: children are tracked, waited for by several, cancelled, dropped
 * and reaped, while LOOPS threads run the context. asio_integration/detail/reaper/ step by
 * step.
 *
 * Holds: every waiter is told once, with the status of its own child; who is displaced by a
 * later child of the same number is told too; a child that ends is reaped; nothing stays in
 * the table, in the epoll set, or held; the loop is held by nobody in the end.
 *
 * SOURCE_PIDFD or SIGCHLD: what wakes the reaper. WATCH_MAY_FAIL: a pidfd is not to be had.
 * LOSSY: SIGCHLD may be lost. THIEF: other code reaps the first child, and a second one gets
 * its number. That can happen before the reaper looks: the number's end is then told to who
 * waited for the first child, and the second is lost. EXACT with THIEF shows it: it is the one
 * thing here that does not hold, since a number is all that wait4(2) takes.
 * ARM_MAY_FAIL: the source's wait fails to start, once. */

#if defined(THIEF) && !defined(EXACT)
#define RIGHT(c) true
#else
#define RIGHT(c) right[c]
#endif
#define STOP_GROUP(c)
#include "process.pml"

#define WAITERS 2
#ifdef THIEF
#define CHILD_OF(w) (w)                /* one for each child */
#else
#define CHILD_OF(w) 0                  /* both for the only one */
#endif

mtype = { outside, in_entry, in_robbed, taken, told };

bool  core_locked;                     /* reaper_core::mutex_ */
byte  entry = NOBODY;                  /* whose entry the table has under the number */
bool  watched;                         /* entry::watched */
bool  held;                            /* entry::held */
mtype place_of[WAITERS] = outside;     /* where a waiter stands */
byte  times_told[WAITERS];
bool  registered[2];                   /* in the epoll set */
bool  armed = true;                    /* armed_ */
bool  ticking;                         /* ticking_ */
bool  looks_soon;                      /* looks_soon_ */
bool  source_waits;                    /* async_wake is pending */
bool  timer_waits;
bool  posted_begin, posted_again, posted_look_soon, posted_tell_robbed;
bool  signalled;                       /* SIGCHLD has come */
byte  holds;                           /* loop_.hold() by dying children */
bool  may_fail_to_arm;
byte  left;                            /* processes of this model that have something to do yet */

inline lock_core()   { atomic { !core_locked; core_locked = true } }
inline unlock_core() { core_locked = false }

inline tell(w)
{
  d_step { times_told[w]++; assert(times_told[w] == 1); place_of[w] = told }
}

/* pending_list::complete_all: of all that this thread took with it when it let go of the lock. */
inline complete_taken(seen, c)
{
  w = 0;
  do
  :: w < WAITERS ->
     if
     :: mine[w] ->
#ifndef THIEF
        assert(seen == ended);
#endif
        assert(seen != ended || (status[c] && RIGHT(c)));
        mine[w] = false;
        tell(w)
     :: else
     fi;
     w++
  :: else -> break
  od
}

inline take_waiters()
{
  d_step {
    w = 0;
    do
    :: w < WAITERS ->
       if
       :: place_of[w] == in_entry -> mine[w] = true; place_of[w] = taken
       :: else
       fi;
       w++
    :: else -> break
    od
  }
}

#define ANY_IN_ENTRY (place_of[0] == in_entry || place_of[1] == in_entry)
#define ANY_ROBBED (place_of[0] == in_robbed || place_of[1] == in_robbed)
#define AWAITED (held || ANY_IN_ENTRY)   /*: reap_table.hpp: bool is_awaited() const noexcept { return held || !waiters.empty(); } */
#define NEEDS_LOOKING (entry != NOBODY && !watched && AWAITED) /*: reap_table.cpp: [](const auto& item) { return !item.second.watched && item.second.is_awaited(); }); */

inline start_tick()
{
  if                                   /*: reaper_core.cpp: if (ticking_) */
  :: !ticking -> timer_waits = true; ticking = true
  :: else
  fi
}

inline tick_for()
{
#ifndef NO_TICK
  if                                   /*: reaper_core.cpp: if ((!entry.watched || !armed_) && entry.is_awaited()) */
  :: (!watched || !armed) && AWAITED -> start_tick()
  :: else
  fi
#else
  skip
#endif
}

inline unwatch(c)
{
  if                                   /*: reaper_core.cpp: if (source_ && entry.watched) */
  :: watched ->
#ifndef NO_DEL
     registered[c] = false;            /*: pidfd_source.cpp: ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, child.pidfd(), nullptr); */
#endif
     release_pidfd(c)                  /*: pidfd_source.cpp: child.release_pidfd(); */
  :: else
  fi;
  watched = false                      /*: reaper_core.cpp: entry.watched = false; */
}

/* reaper_core::reap of the entry there is. `done`: the lock is let go. */
inline reap(done)
{
  c = entry;                           /*: reaper_core.cpp: bool reaper_core::reap(std::unique_lock<std::mutex>& lock, reap_table::entry& entry) noexcept */
  try_reap(c, seen);                   /*: reaper_core.cpp: return finish(lock, entry, entry.child->try_reap()); */
  if                                   /*: reaper_core.cpp: if (state == process::state::running) */
  :: seen == running -> done = false
  :: else ->
     unwatch(c);                       /*: reaper_core.cpp: unwatch(entry); */
     was_held = held;
#ifndef WAITERS_LEFT_AT_FINISH
     take_waiters();               /*: reaper_core.cpp: reap_table::place ended = table_.finish(entry); */
#endif
     entry = NOBODY; held = false;
     unlock_core();                    /*: reaper_core.cpp: lock.unlock(); */
     complete_taken(seen, c);    /*: reaper_core.cpp: ended.mapped().waiters.complete_all(error_of(state), child->status()); */
     if                                /*: reaper_core.cpp: if (ended.mapped().held) */
     :: was_held -> holds--            /*: reaper_core.cpp: loop_.release(); */
     :: else
     fi;
     done = true
  fi
}

/* reaper_core::look, of the only number there is. */
inline look(done)
{
  lock_core();                         /*: reaper_core.cpp: bool reaper_core::look(pid_t pid) noexcept */
  if
  :: entry == NOBODY -> done = false; unlock_core()
  :: else ->
     reap(done);                       /*: reaper_core.cpp: if (finish(lock, *entry, entry->child->reap_ended())) */
     if
     :: done
     :: else ->
        if                             /*: reaper_core.cpp: if (entry->watched) { */
        :: watched ->
           c = entry;
           unwatch(c);                 /*: reaper_core.cpp: unwatch(*entry); */
#ifndef NO_TICK_WHEN_UNWATCHED
           tick_for()                  /*: reaper_core.cpp: tick_for(*entry); */
#endif
        :: else
        fi;
        unlock_core()
     fi
  fi
}

/* reaper_core::look_at_all, and look_at_unwatched. */
inline look_at(all)
{
  lock_core();
  if
  :: entry != NOBODY && (all || !watched) ->
     reap(done);
     if
     :: done
     :: else -> unlock_core()
     fi
  :: else -> unlock_core()
  fi
}

inline arm()
{
  /*: reaper_core.cpp: void reaper_core::arm() noexcept */
  if
#ifdef ARM_MAY_FAIL
  :: may_fail_to_arm -> may_fail_to_arm = false;
     armed = false;                    /*: reaper_core.cpp: armed_ = false; */
#ifndef NO_TICK_WHEN_UNARMED
     if                                /*: reaper_core.cpp: if (table_.is_awaited()) */
     :: entry != NOBODY && AWAITED -> start_tick()
     :: else
     fi
#endif
#endif
  :: true -> source_waits = true; armed = true
  fi
}

#ifdef SIGCHLD
#define READABLE signalled
#else
#define READABLE ((registered[0] && life[0] != alive) || (registered[1] && life[1] != alive))
#endif

/* wake_source::dispatch. What the source tells is read without the lock. */
inline dispatch(again)
{
  again = false;
#ifdef SIGCHLD
  if                                   /*: sigchld_source.cpp: const int result = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT); */
  :: holder < NOBODY && life[holder] == zombie ->
     look(done);                       /*: sigchld_source.cpp: if (result == 0 && !is_stop(info) && reaper.look(info.si_pid)) */
     if
     :: done -> again = true           /*: sigchld_source.cpp: return true; */
     :: else -> look_at(true)          /*: sigchld_source.cpp: reaper.look_at_all(); */
     fi
  :: holder < NOBODY && life[holder] == alive
  :: holder >= NOBODY -> look_at(true)
  fi
#else
  if                                   /*: pidfd_source.cpp: const int count = ::epoll_wait(epoll_.native_handle(), events, 64, 0); */
  :: READABLE -> look(done)            /*: pidfd_source.cpp: reaper.look(events[i].data.fd); */
  :: else
  fi;
  look_at(false)                       /*: pidfd_source.cpp: reaper.look_at_unwatched(); */
#endif
}

/* reaper_core::look_around */
inline look_around()
{
  dispatch(again);                     /*: reaper_core.cpp: if (source_->dispatch(*this)) */
  if
  :: again -> posted_again = true      /*: reaper_core.cpp: return loop_.post(again_); */
  :: else -> lock_core(); arm(); unlock_core() /*: reaper_core.cpp: arm(); */
  fi
}

proctype loop()
{
  bool done, again, was_held;
  bool mine[WAITERS];
  mtype seen;
  byte c, w;
end:
  do
  :: atomic { posted_begin -> posted_begin = false };
     lock_core(); arm(); unlock_core()
  :: atomic { source_waits && READABLE -> source_waits = false; signalled = false };
     look_around()
  :: atomic { posted_again -> posted_again = false };
     look_around()
  :: atomic { posted_look_soon -> posted_look_soon = false };
     dispatch(again);                  /*: reaper_core.cpp: if (is_open() && source_->dispatch(*this)) */
     if
     :: again -> posted_look_soon = true /*: reaper_core.cpp: return loop_.post(look_soon_); */
     :: else -> lock_core(); looks_soon = false; unlock_core() /*: reaper_core.cpp: looks_soon_ = false; */
     fi
  :: atomic { posted_tell_robbed -> posted_tell_robbed = false };
     lock_core();                      /*: reaper_core.cpp: void reaper_core::tell_robbed() */
     d_step {                          /*: reaper_core.cpp: waiter_list robbed = std::exchange(robbed_, {}); */
       w = 0;
       do
       :: w < WAITERS ->
          if
          :: place_of[w] == in_robbed -> mine[w] = true; place_of[w] = taken
          :: else
          fi;
          w++
       :: else -> break
       od
     };
     unlock_core();                    /*: reaper_core.cpp: lock.unlock(); */
     complete_taken(lost, 0)     /*: reaper_core.cpp: robbed.complete_all(error_of(process::state::lost), {}); */
  :: atomic { timer_waits -> timer_waits = false };
     look_at(false);                   /*: reaper_core.cpp: look_at_unwatched(); */
     lock_core();
     ticking = false;                  /*: reaper_core.cpp: ticking_ = false; */
     if                                /*: reaper_core.cpp: if (!armed_) { */
     :: !armed ->
        unlock_core();
        look_at(true);                 /*: reaper_core.cpp: look_at_all(); */
        lock_core();
        arm()
     :: else
     fi;
     if                                /*: reaper_core.cpp: if (source_ && (table_.needs_looking() || !armed_)) */
     :: NEEDS_LOOKING || !armed -> start_tick() /*: reaper_core.cpp: start_tick(); */
     :: else
     fi;
     unlock_core()
  od
}

/* reaper_core::track */
inline track(new)
{
  lock_core();                         /*: reaper_core.cpp: void reaper_core::track(reap_table::place room, const std::shared_ptr<process>& child) noexcept */
  if                                   /*: reaper_core.cpp: if (reap_table::entry* const known = table_.find(child->id())) */
  :: entry != NOBODY ->
     c = entry;
     unwatch(c);                       /*: reaper_core.cpp: unwatch(*known); */
     if                                /*: reaper_core.cpp: if (earlier.mapped().held) */
     :: held -> holds--; held = false
     :: else
     fi;
#ifndef FORGET_ROBBED
     if                                /*: reaper_core.cpp: if (robbed_.empty() && !earlier.mapped().waiters.empty()) */
     :: !ANY_ROBBED && ANY_IN_ENTRY -> posted_tell_robbed = true /*: reaper_core.cpp: loop_.post(tell_robbed_); */
     :: else
     fi;
#endif
     d_step {                          /*: reaper_core.cpp: robbed_.append(earlier.mapped().waiters); */
       w = 0;
       do
       :: w < WAITERS ->
          if
          :: place_of[w] == in_entry -> place_of[w] = in_robbed
          :: else
          fi;
          w++
       :: else -> break
       od
     }
  :: else
  fi;
  entry = new;
  watched = false; held = false;
#ifndef SIGCHLD
  hold_pidfd(new, again);              /*: pidfd_source.cpp: const int pidfd = child.hold_pidfd(); */
  if
  :: again -> registered[new] = true; watched = true /*: pidfd_source.cpp: const bool added = ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, pidfd, &event) == 0; */
#ifdef WATCH_MAY_FAIL
  :: again -> release_pidfd(new)       /*: pidfd_source.cpp: child.release_pidfd(); */
#endif
  :: !again
  fi;
#endif
  if                                   /*: reaper_core.cpp: if (!added.watched) { */
#ifndef NO_REAP_AT_TRACK
  :: !watched ->
     reap(done);                       /*: reaper_core.cpp: reap(lock, added); */
     if
     :: done
     :: else -> unlock_core()
     fi
#endif
  :: else -> unlock_core()
  fi
}

/* reaper_core::wait, and nothing else to do for this waiter than to be told. */
proctype waits(byte me)
{
  byte c = CHILD_OF(me);
  bool has_ended;
  lock_core();                         /*: reaper_core.cpp: std::optional<wait_end> reaper_core::wait(process& child, waiter& added) noexcept */
  if
  :: entry != c ->                     /*: reaper_core.cpp: if (!entry) { */
     assert(state[c] != ended || (status[c] && RIGHT(c)));
#ifndef THIEF
     assert(state[c] == ended);
#endif
     unlock_core();
     tell(me)
  :: else ->
     place_of[me] = in_entry;          /*: reaper_core.cpp: entry->waiters.push(added); */
     tick_for();                       /*: reaper_core.cpp: tick_for(*entry); */
     lock_child(c);
     has_ended = state[c] != running || holder >= NOBODY || life[holder] == zombie;
     unlock_child(c);
     if                                /*: reaper_core.cpp: if (!entry->watched && child.has_ended() && !std::exchange(looks_soon_, true)) */
     :: !watched && has_ended && !looks_soon ->
        looks_soon = true;
        posted_look_soon = true        /*: reaper_core.cpp: loop_.post(look_soon_); */
     :: else
     fi;
     unlock_core()
  fi;
  (place_of[me] == told);
  left--
}

/* tracked_child::cancel_wait, at any time. */
proctype cancels(byte me)
{
  bool mine;
#ifndef CANCEL_WITHOUT_LOCK
  lock_core();                         /*: reaper_core.cpp: waiter* reaper_core::remove(const process& child, std::uint64_t waiter_id) noexcept */
#endif
  if
  :: place_of[me] == in_entry && entry == CHILD_OF(me) ->
#ifdef CANCEL_WITHOUT_LOCK
     skip;
#endif
     place_of[me] = taken; mine = true /*: reaper_core.cpp: if (waiter* const removed = table_.remove_waiter(child, waiter_id)) */
#ifndef FORGET_ROBBED_IN_CANCEL
  :: place_of[me] == in_robbed -> place_of[me] = taken; mine = true /*: reaper_core.cpp: return robbed_.remove(waiter_id); */
#endif
  :: else
  fi;
#ifndef CANCEL_WITHOUT_LOCK
  unlock_core();
#endif
  if
  :: mine -> tell(me)                  /*: tracked_child.cpp: removed->complete(asio::error::operation_aborted, {}); */
  :: else
  fi;
  left--
}

/* tracked_child::kill_and_reap: who has dropped the child. The child ends by it. */
proctype drops()
{
  if                                   /*: tracked_child.cpp: if (child_->current() != process::state::running || !child_->is_parent()) */
  :: state[0] != running
  :: else ->
     lock_core();                      /*: reaper_core.cpp: void reaper_core::hold_until_reaped(const process& child) noexcept */
     if                                /*: reaper_core.cpp: if (!source_ || !entry || std::exchange(entry->held, true)) */
     :: entry == 0 && !held ->
        held = true;
        holds++;                       /*: reaper_core.cpp: loop_.hold(); */
        tick_for()                     /*: reaper_core.cpp: tick_for(*entry); */
     :: else
     fi;
     unlock_core()
  fi;
  left--
}

proctype ends(byte c)
{
  if                                   /* what the kernel does at an end is one step */
#ifdef LOSSY
  :: d_step { life[c] == alive -> life[c] = zombie }
#endif
  :: d_step { life[c] == alive -> life[c] = zombie; signalled = true }
  fi;
  left--
}

#ifdef THIEF
proctype thief()
{
  bool done, again, was_held;
  bool mine[WAITERS];
  mtype seen;
  byte c, w;
  if
  :: d_step { holder == 0 && life[0] == zombie -> life[0] = gone; free_number() }
  :: life[0] == gone
  fi;
  make_child(1);
  open[1] = true;
  run ends(1);
  track(1);
  run waits(1);
  left--
}
#endif

#define OVER (left == 0 && life[0] == gone && life[1] == gone && entry == NOBODY)

init {
  bool done, again, was_held;
  bool mine[WAITERS];
  mtype seen;
  byte c, w;
#ifdef ARM_MAY_FAIL
  may_fail_to_arm = true;
#endif
  make_child(0);
#ifndef SIGCHLD
  open[0] = true;
#endif
  atomic {
    posted_begin = true;
    for (c : 1 .. LOOPS) { run loop() };
    run ends(0);
#ifdef THIEF
    left = 6
#else
    left = 5
#endif
  };
  track(0);
  atomic {
#ifdef THIEF
    run thief();
#endif
    run waits(0);
#ifndef THIEF
    run waits(1);
#endif
#ifndef THIEF
    run drops();                       /* with a thief too it would be too many states */
#endif
    run cancels(0)
  };
#ifdef LOSSY
  (left == 0);                         /* a child for whom nobody waits is found at the next wake-up */
#else
  OVER;
  (!posted_tell_robbed && !posted_look_soon);
  assert(!registered[0] && !registered[1]);
  assert(users[0] == 0 && users[1] == 0);
#ifndef THIEF
  assert(!open[0] && !open[1]);        /* else it goes with the process object of who was robbed */
#endif
#endif
  (!core_locked && !posted_again && holds == held)
}
