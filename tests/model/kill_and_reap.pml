/* One child, and all who may touch it at the same time: one asks whether it has ended, one
 * waits for that, one signals it, one signals its group, one stops its group, one watches its
 * pidfd, one reads its status. The kernel gives the number to somebody else as soon as it may.
 *
 * Holds: a signal by the number reaches our child or nobody, none is sent once the status is
 * there, no status is read before it is written, no pidfd is closed under its user. In the
 * end the child is reaped, and nothing of it is kept.
 *
 * THIEF: other code of the program may reap the child; then a signal by the number can meet
 * a stranger, which only a pidfd prevents. */

#ifdef GROUP
#define STOP_GROUP(c) stop_group(c);
#else
#define STOP_GROUP(c)
#endif

#include "process.pml"

bool group_stops;                      /* group_stops_ */

/* kill(2): the number is the child's, or a stranger dies. */
inline kill_number()
{
#ifdef THIEF
  skip
#else
  assert(holder == 0)
#endif
}

/* In process::try_reap, while begin_group_stop() is unpaired. */
inline stop_group(c)
{
  if
  :: group_stops && life[0] == zombie && holder == 0 ->
#ifndef KILL_GROUP_AFTER_REAP
     kill_number()                     /*: process.cpp: ::kill(-pid_, SIGKILL); */
#else
     skip
#endif
  :: else
  fi
}

proctype the_child()
{
  d_step { life[0] == alive -> life[0] = zombie }
}

/* The number goes round. */
proctype the_kernel()
{
  atomic { life[0] == gone && holder == NOBODY -> holder = STRANGER }
}

#ifdef THIEF
proctype thief()
{
  if
  :: d_step { holder == 0 && life[0] == zombie -> life[0] = gone; free_number() }
  :: skip
  fi
}
#endif

/* ---- process::try_reap, until it tells something. */
proctype asker()
{
  mtype seen;
  do
  :: try_reap(0, seen);
     if
     :: seen != running -> break
     :: else -> (life[0] != alive)     /* asked again when it is worth it */
     fi
  od;
#ifdef KILL_GROUP_AFTER_REAP
  if
  :: group_stops -> kill_number()
  :: else
  fi
#endif
}

/* ---- process::reap */
proctype waiter()
{
  mtype seen;                          /*: process.cpp: process::state process::reap() noexcept */
  seen = state[0];                     /*: process.cpp: state now = current(); */
  do                                   /*: process.cpp: while (now == state::running) { */
  :: seen != running -> break
  :: else ->
#ifdef REAP_IN_WAIT
     if
     :: d_step { holder == 0 && life[0] == zombie -> right[0] = true; life[0] = gone; free_number() };
        lock_child(0);
        status[0] = true;
        run_no_more(0, ended);
        unlock_child(0)
     :: holder != 0 -> skip
     fi;
     seen = state[0];
     if
     :: seen == running -> break
     :: else
     fi
#else
     (holder != 0 || life[0] == zombie); /*: process.cpp: ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT); */
     try_reap(0, seen)                 /*: process.cpp: now = has_ended ? reap_ended() : try_reap(); */
#endif
  od
}

/* ---- process::signal */
proctype signaller()
{
  /*: process.cpp: std::error_code process::signal(int number) noexcept */
  if                                   /*: process.cpp: if (current() != state::running) */
  :: state[0] != running
  :: else ->
#ifndef SIGNAL_WITHOUT_LOCK
     lock_child(0);                    /*: process.cpp: const std::lock_guard lock(mutex_); */
#endif
     if                                /*: process.cpp: if (state_ != state::running) */
#ifndef SIGNAL_WITHOUT_SECOND_LOOK
     :: state[0] != running
#endif
     :: else ->
        if                             /*: process.cpp: const int result = pidfd_ ? send_by_pidfd(pidfd_.get(), number) : ::kill(pid_, number); */
        :: open[0] ->
           assert(!status[0])
        :: !open[0] ->
           kill_number();
           assert(!status[0])
        fi;
        if                             /*: process.cpp: if (error == ESRCH) { */
        :: life[0] == gone ->
           run_no_more(0, lost)        /*: process.cpp: run_no_more(state::lost); */
        :: else
        fi
     fi;
#ifndef SIGNAL_WITHOUT_LOCK
     unlock_child(0)
#else
     skip
#endif
  fi
}

#ifdef GROUP
/* ---- process::signal_group, and a stop of the group around it. */
proctype group_signaller()
{
  lock_child(0);                       /*: process.cpp: void process::begin_group_stop() noexcept */
  group_stops = true;                  /*: process.cpp: ++group_stops_; */
  unlock_child(0);
  if
  :: state[0] != running
  :: else ->
     lock_child(0);                    /*: process.hpp: std::error_code signal_group(int number) noexcept; */
     if
     :: state[0] != running
     :: else -> kill_number(); assert(!status[0])
     fi;
     unlock_child(0)
  fi;
  lock_child(0);                       /*: process.cpp: void process::end_group_stop() noexcept */
  group_stops = false;                 /*: process.cpp: --group_stops_; */
  unlock_child(0)
}
#endif

#if PIDFD
/* ---- pidfd_use, and whoever polls it. */
proctype watcher()
{
  bool has;
  hold_pidfd(0, has);                  /*: process.hpp: explicit pidfd_use(process& child) noexcept : child_(&child), fd_(child.hold_pidfd()) {} */
  if
  :: has ->
     (life[0] != alive);               /* poll(2) */
     assert(open[0]);
     release_pidfd(0)                  /*: process.hpp: child_->release_pidfd(); */
  :: else
  fi
}
#endif

/* ---- process::status, which takes no lock. */
proctype reader()
{
  if                                   /*: process.cpp: return state_ == state::ended ? status_ : exit_status(); */
  :: state[0] == ended -> assert(status[0] && right[0])
  :: else
  fi
}

init {
  byte i;
  make_child(0);
  open[0] = PIDFD;
  atomic {
    run the_child();
    run the_kernel();
    run asker();
    run waiter();
    run signaller();
    run reader();
#ifdef GROUP
    run group_signaller();
#endif
#if PIDFD
    run watcher();
#endif
#ifdef THIEF
    run thief();
#endif
  };
  (_nr_pr == 1);                       /* all have ended */
  assert(life[0] == gone);
  assert(state[0] != running);
  assert(!open[0] && users[0] == 0);
#ifndef THIEF
  assert(state[0] == ended && status[0] && right[0])
#endif
}
