/*
 * One key, N deliveries, each in one transaction of the database that also has the key: the rules T1 to T7 of transaction.md.
 *
 * -DTWO_REQUESTS: the last delivery brings another request. -DWORKS_ON: one branch of a handler may be at work when its
 * transaction is over. -DGRAPH prints each step. The guards, each taken out by -DNO_ and its name: T1_LOCK, T2_TOGETHER,
 * T3_ROLLBACK, T4_GUARD, T5_FINGERPRINT, T6_UNLOCK, T7_COMMITTED.
 */
#ifndef N
#define N 2
#endif

#define ABSENT 0
#define DONE 2

#define WORKING 2
#define OVER 3
#define COMMITTING 4
#define LATE 5
#define SPLIT 6

#define FAILURE 9

/* The record, and the worker that has the key locked. */
byte state, owner, request, result, lock;

byte phase[N], answer[N];

byte effects, first;

#ifdef TWO_REQUESTS
#define REQUEST(w) (w == N -> 2 : 1)
#else
#define REQUEST(w) 1
#endif
#ifdef NO_T5_FINGERPRINT
#define SAME true
#else
#define SAME (request == REQUEST(w))
#endif
#ifdef NO_T1_LOCK
#define FREE true
#else
#define FREE (lock == 0)
#endif

#ifdef GRAPH
c_code {
  char stepFrom[400], stepTo[400];
  int writeState(char *to) {
    int at = sprintf(to, "%d,%d,%d,0,0,%d", now.state, now.owner, now.request, now.result);
    int w;
    for (w = 0; w < N; w++)
      at += sprintf(to + at, ";%d,0,0,%d,0,%d", now.phase[w], now.phase[w] == 4 ? w + 1 : 0, now.answer[w]);
    return at + sprintf(to + at, ";0,0,0;%d,%d", now.effects, now.first);
  }
}
#define FROM c_code { writeState(stepFrom); }
#define TO c_code { writeState(stepTo); printf("STEP %s > %s\n", stepFrom, stepTo); }
#else
#define FROM skip
#define TO skip
#endif

inline unlock(w) {
  if
  :: lock == w -> lock = 0
  :: else -> skip
  fi
}

inline finish(w) { phase[w - 1] = OVER; unlock(w) }

/* The dead leave nothing behind: the database rolls back what was open, and gives its lock back. */
inline die(w) {
  phase[w - 1] = OVER;
#ifndef NO_T6_UNLOCK
  unlock(w)
#else
  skip
#endif
}

inline effect(w) { effects++; first = (first == 0 -> w : first) }

inline store(by, outcome) {
  if
  :: state == ABSENT -> state = DONE; owner = by; request = REQUEST(by); result = outcome
  :: else -> skip
  fi
}

#ifdef NO_T2_TOGETHER
#define commit(w) effect(w); phase[w - 1] = SPLIT
#else
#define commit(w) effect(w); store(w, w); finish(w)
#endif
#ifdef NO_T3_ROLLBACK
#define undo(w) effect(w)
#else
#define undo(w) skip
#endif

proctype Worker(byte w) {
end:
  do
  :: d_step { phase[w - 1] == 0 && FREE && state == ABSENT -> FROM; phase[w - 1] = WORKING; lock = w; TO }
  :: d_step { phase[w - 1] == 0 && !FREE -> FROM; phase[w - 1] = OVER; TO }
  :: d_step { phase[w - 1] == 0 && FREE && state == DONE -> FROM;
       if
       :: SAME -> answer[w - 1] = result
       :: else -> skip
       fi;
       phase[w - 1] = OVER; TO }

  :: d_step { phase[w - 1] == WORKING -> FROM; phase[w - 1] = COMMITTING;
#ifdef NO_T7_COMMITTED
       answer[w - 1] = w;
#endif
       TO }
  :: d_step { phase[w - 1] == WORKING -> FROM; finish(w); TO }
  :: d_step { phase[w - 1] == WORKING -> FROM; die(w); TO }
#ifdef WORKS_ON
  :: d_step { phase[w - 1] == WORKING -> FROM; finish(w); phase[w - 1] = LATE; TO }
#ifdef NO_T4_GUARD
  :: d_step { phase[w - 1] == LATE -> FROM; effect(w); phase[w - 1] = OVER; TO }
#else
  :: d_step { phase[w - 1] == LATE -> FROM; phase[w - 1] = OVER; TO }
#endif
#endif

  /* A commit stores effect and result, or nothing; its confirmation may be lost, and its process may die. */
#ifdef NO_T2_TOGETHER
  :: d_step { phase[w - 1] == SPLIT -> FROM; store(w, w); answer[w - 1] = w; finish(w); TO }
  :: d_step { phase[w - 1] == SPLIT -> FROM; die(w); TO }
  :: d_step { phase[w - 1] == COMMITTING -> FROM; commit(w); TO }
#else
  :: d_step { phase[w - 1] == COMMITTING -> FROM; commit(w); answer[w - 1] = w; TO }
  :: d_step { phase[w - 1] == COMMITTING -> FROM; commit(w); TO }
#endif
  :: d_step { phase[w - 1] == COMMITTING -> FROM; undo(w); finish(w); TO }
  :: d_step { phase[w - 1] == COMMITTING -> FROM; undo(w); die(w); TO }
  /* A refusal: what the handler wrote is undone, and its response is stored. */
  :: d_step { phase[w - 1] == COMMITTING -> FROM; store(w, FAILURE); answer[w - 1] = FAILURE; finish(w); TO }
  od
}

init {
  atomic {
    byte w = 1;
    do
    :: w <= N -> run Worker(w); w++
    :: else -> break
    od;
    w = 0
  }
}

#ifndef GRAPH
#define STORED(w) (answer[w] == 0 || (state == DONE && result == answer[w]))
#define IS_OVER(w) (phase[w] == OVER)
#if N == 3
#define ALL(p) (p(0) && p(1) && p(2))
#else
#define ALL(p) (p(0) && p(1))
#endif

ltl one_effect { [] (effects <= 1) }
ltl same_answer { [] ALL(STORED) }
ltl no_lost_effect { [] (effects == 0 || state == DONE) }
ltl own_answer { [] !(answer[0] != 0 && answer[N - 1] != 0) }
ltl every_key_ends { <> [] (ALL(IS_OVER) && lock == 0) }

ltl reach_replay { [] !(answer[0] != 0 && answer[1] != 0) }
ltl reach_locked { [] !(phase[0] == WORKING && phase[1] == OVER) }
ltl reach_lost_confirmation { [] !(effects == 1 && phase[0] == OVER && answer[0] == 0 && owner == 1) }
ltl reach_refusal { [] !(result == FAILURE && answer[0] == FAILURE && answer[1] == FAILURE) }
#endif
