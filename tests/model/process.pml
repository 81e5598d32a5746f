/* What one number of a process is to the kernel, and subprocess/detail/process/process.cpp
 * step by step. A comment that begins with a colon quotes the source, in its order: the file,
 * and what stands there. The check of the models compares, so that neither changes alone.
 *
 * Two children may have the number, one after the other: 0, and 1 when somebody else has
 * reaped 0. STRANGER has it when it is nobody's of ours. */

#define NOBODY   2
#define STRANGER 3

mtype = { running, ended, lost };      /* process::state */
mtype = { alive, zombie, gone };       /* what the kernel has of a child */

byte  holder = NOBODY;                 /* who has the number */
mtype life[2] = gone;

mtype state[2] = running;              /* state_ */
bool  status[2];                       /* status_ is written */
bool  right[2];                        /* and is that child's own */
bool  locked[2];                       /* mutex_ */
bool  open[2];                         /* pidfd_ is a descriptor */
byte  users[2];                        /* pidfd_users_ */

inline lock_child(c)   { atomic { !locked[c]; locked[c] = true } }
inline unlock_child(c) { locked[c] = false }

/* The kernel: one call is one step. */

inline make_child(c)
{
  d_step { holder = c; life[c] = alive }
}

inline free_number()
{
  holder = NOBODY;
}

/* ---- process::run_no_more. The lock is held. */
inline run_no_more(c, how)
{
  /*: process.cpp: void process::run_no_more(state how) noexcept */
  state[c] = how;                      /*: process.cpp: state_ = how; */
#ifdef CLOSE_IN_USE
  open[c] = false;
#else
  if                                   /*: process.cpp: if (pidfd_users_ == 0) */
  :: users[c] == 0 -> open[c] = false  /*: process.cpp: pidfd_.reset(); */
  :: else
  fi
#endif
}

/* ---- process::try_reap, without a stop of the group, which kill_and_reap.pml has; and reap_ended, which
   knows what the look would tell. */
inline try_reap(c, seen)
{
  /*: process.cpp: process::state process::reap_now(bool is_said_to_have_ended) noexcept */
  seen = state[c];                     /*: process.cpp: if (const state known = current(); known != state::running) */
  if
  :: seen != running
  :: else ->
     lock_child(c);                    /*: process.cpp: const std::lock_guard lock(mutex_); */
     if                                /*: process.cpp: if (state_ != state::running) */
     :: state[c] != running
     :: else ->
        if                             /*: process.cpp: const std::optional<state> seen = is_known ? state::ended : look(); */
        :: holder < NOBODY && life[holder] == alive /*: process.cpp: if (seen == state::running) */
        :: true ->                     /* Ended or lost; or a sandbox lets nobody look. */
           STOP_GROUP(c)               /*: process.cpp: if (seen == state::ended && group_stops_ > 0) */
           if                          /*: process.cpp: result = ::wait4(pid_, &raw, WNOHANG, &usage_); */
           :: d_step { holder < NOBODY && life[holder] == zombie ->
                right[c] = (holder == c); life[holder] = gone; free_number() };
#ifdef STATE_BEFORE_STATUS
              run_no_more(c, ended);
              status[c] = true
#else
              status[c] = true;        /*: process.cpp: status_ = exit_status(raw); */
              run_no_more(c, ended)    /*: process.cpp: run_no_more(state::ended); */
#endif
           :: holder < NOBODY && life[holder] == alive
           :: holder >= NOBODY ->
              run_no_more(c, lost)     /*: process.cpp: run_no_more(state::lost); */
           fi
        fi
     fi;
     seen = state[c];
     unlock_child(c)
  fi
}

/* ---- process::hold_pidfd: the pidfd that came with the child, or one opened now. */
inline hold_pidfd(c, has)
{
  has = false;
  if                                   /*: process.cpp: int process::hold_pidfd() noexcept */
  :: state[c] != running               /*: process.cpp: if (current() != state::running) */
  :: else ->
     lock_child(c);                    /*: process.cpp: const std::lock_guard lock(mutex_); */
     if                                /*: process.cpp: if (state_ != state::running) */
     :: state[c] != running
     :: else ->
        if                             /*: process.cpp: if (!pidfd_) */
        :: !open[c] && holder == c -> open[c] = true /*: process.cpp: pidfd_ = open_pidfd(pid_); */
        :: else
        fi;
        if                             /*: process.cpp: if (pidfd_) */
        :: open[c] -> users[c]++; has = true /*: process.cpp: ++pidfd_users_; */
        :: else
        fi
     fi;
     unlock_child(c)
  fi
}

/* ---- process::release_pidfd. */
inline release_pidfd(c)
{
  /*: process.cpp: void process::release_pidfd() noexcept */
  lock_child(c);                       /*: process.cpp: const std::lock_guard lock(mutex_); */
  assert(open[c]);                     /* nobody has closed it under its user */
  users[c]--;
  if                                   /*: process.cpp: if (--pidfd_users_ == 0 && state_ != state::running) */
#ifndef KEEP_PIDFD
  :: users[c] == 0 && state[c] != running -> open[c] = false /*: process.cpp: pidfd_.reset(); */
#endif
  :: else
  fi;
  unlock_child(c)
}
