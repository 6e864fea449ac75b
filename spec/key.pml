/*
 * One key, N deliveries in separate processes, one store: the rules K1 to K9 of key.md, in leased mode.
 *
 * Policies: by default an operation with an unknown outcome is held. -DRERUN runs it again. The effect is plain;
 * -DKEYED: its service knows the operation's key; -DFENCED: its service refuses a lower fence, and a take-over looks first.
 * Surroundings: -DTWO_REQUESTS: the last delivery brings another request. -DLOSES_RECORD: the store loses the record once.
 * -DBOUNDED=n: n faults and renewals at most, for what has to happen in the end. -DGRAPH prints each step (npm run spec -- --graph).
 * The guards, each taken out by its name: K1_TAKEN_BACK, K2_FINGERPRINT, K3_LEASE_ENDS, K4_OWNER, K4_RENEWAL, K5_RELEASE, K6_HELD, K6_LOOK, K7_STORED,
 * K8_LOSER, K9_RETENTION.
 */
#ifndef N
#define N 2
#endif

/* What a call asks the store for, and what the handler says of its attempt. */
#define CLAIM 1
#define SETTLE 2
#define INSPECT 3
#define TAKE_BACK 4
#define COMPLETE 5
#define RELEASE 6
#define ABANDON 7
#define RENEW 8
#define TICK 9
#define NO_EFFECT 1
#define UNKNOWN 2
#define HAD_EFFECT 3

#define ABSENT 0
#define RUNNING 1
#define DONE 2

#define CALLING 1
#define WORKING 2
#define OVER 3

#define FAILURE 9

/* The record. The owner, and the worker that an answer or effect is of, is a number from 1. */
byte state, owner, request, fence, result;
bool alive, later;

/* The workers: where they are, what they know, and what their callers were answered. */
byte phase[N], call[N], fenceOf[N], effectOf[N], ended[N], answer[N];
bool before[N], looked[N];

/* A call that its sender has given up, and that may still arrive. */
byte lateFrom, lateCall, lateResult;

/* The effects outside: how many, whose was first, and the highest fence that was shown. */
byte effects, first, highest;

bool lost, lateChange;

/* Whether a claim was confirmed, so that work began; and whether one arrived after its sender had given it up. */
bool worked, lateClaim;

hidden byte operation, acquired, heard, value;

/* What a step asked the store for, and what it answered; for those who replay it. */
hidden byte didWhat, didBy, didResult, didAnswer;

#ifdef TWO_REQUESTS
#define REQUEST(w) (w == N -> 2 : 1)
#else
#define REQUEST(w) 1
#endif

#ifdef BOUNDED
byte faults = BOUNDED;
#define MAY_FAIL (faults > 0)
#define FAILS faults--
#else
#define MAY_FAIL true
#define FAILS skip
#endif

#ifdef GRAPH
c_code {
  char stepFrom[400], stepTo[400];
  int writeState(char *to) {
    int at = sprintf(to, "%d,%d,%d,%d,%d,%d", now.state, now.owner, now.request, now.alive, now.later, now.result);
    int w;
    for (w = 0; w < N; w++)
      at += sprintf(to + at, ";%d,%d,%d,%d,%d,%d", now.phase[w], now.call[w], now.before[w], now.effectOf[w],
        now.ended[w], now.answer[w]);
    return at + sprintf(to + at, ";%d,%d,%d;%d,%d", now.lateFrom, now.lateCall, now.lateResult, now.effects, now.first);
  }
}
#define FROM didWhat = 0; didBy = 0; didResult = 0; didAnswer = 0; c_code { writeState(stepFrom); }
#define TO c_code { writeState(stepTo); printf("STEP %s > %s | %d,%d,%d,%d\n", stepFrom, stepTo, didWhat, didBy, didResult, didAnswer); }
#else
#define FROM skip
#define TO skip
#endif

inline forget() { state = ABSENT; owner = 0; request = 0; alive = false; later = false; result = 0 }

inline take(w) { state = RUNNING; owner = w; alive = true; acquired = true; didAnswer = 1 }

/* A fence is higher than any that a worker still has, or an effect has seen. Only the order of fences counts. */
#ifdef FENCED
#define HIGHER(one, other) (one > other -> one : other)
#if N == 3
#define raise fence = 1 + HIGHER(HIGHER(fenceOf[0], fenceOf[1]), HIGHER(fenceOf[2], highest))
#else
#define raise fence = 1 + HIGHER(HIGHER(fenceOf[0], fenceOf[1]), highest)
#endif
#define KEEP_FENCE fenceOf[w - 1] = fence
#else
#define raise skip
#define KEEP_FENCE skip
#endif

/* K1, K2, K3, K6: a claim. Its answer: acquired 1, done 2, mismatch 3, in progress 4, abandoned 5. */
inline claim(w) {
  acquired = false; didWhat = CLAIM; didBy = w;
  if
  :: state == ABSENT -> take(w); request = REQUEST(w); raise
#ifndef NO_K2_FINGERPRINT
  :: state != ABSENT && request != REQUEST(w) -> didAnswer = 3
#define SAME (request == REQUEST(w))
#else
#define SAME true
#endif
  :: state == DONE && SAME -> didAnswer = 2
  :: state == RUNNING && SAME && owner == w -> take(w)
  :: state == RUNNING && SAME && owner != w && alive -> didAnswer = 4
  :: state == RUNNING && SAME && owner != w && !alive ->
#if defined(RERUN) || defined(NO_K6_HELD)
    take(w); later = true; raise
#else
    didAnswer = 5
#endif
  fi
}

/* K4, K5: what only the owner may do. */
inline change(w, what, outcome) {
  heard = false; didWhat = what; didBy = w; didResult = outcome;
  if
#ifdef NO_K4_OWNER
  :: state == RUNNING && owner != w && what == COMPLETE -> lateChange = true; state = DONE; result = outcome; alive = false; heard = true
  :: state == ABSENT || (owner != w && !(state == RUNNING && what == COMPLETE)) -> skip
#else
  :: state == ABSENT || owner != w -> skip
#endif
  :: state == DONE && owner == w -> heard = (what == COMPLETE)
  :: state == RUNNING && owner == w ->
    heard = true;
    if
    :: what == COMPLETE -> state = DONE; result = outcome; alive = false
#ifdef NO_K5_RELEASE
    :: what == RELEASE -> forget()
#else
    :: what == RELEASE && !later -> forget()
    :: what == RELEASE && later -> alive = false
#endif
    :: what == ABANDON -> alive = false
    fi
  fi;
  didAnswer = heard
}

/* K5, K6: how an attempt ends. */
inline settlement(w) {
  if
  :: call[w - 1] == CLAIM -> operation = CLAIM
  :: call[w - 1] == TAKE_BACK -> operation = RELEASE
  :: call[w - 1] == SETTLE && ended[w - 1] == HAD_EFFECT -> operation = COMPLETE
  :: call[w - 1] == SETTLE && ended[w - 1] == NO_EFFECT -> operation = (before[w - 1] -> ABANDON : RELEASE)
  :: call[w - 1] == SETTLE && ended[w - 1] == UNKNOWN ->
#ifdef NO_K5_UNKNOWN
    operation = RELEASE
#else
#ifdef RERUN
    operation = ABANDON
#else
    operation = COMPLETE
#endif
#endif
  fi;
  value = (operation == COMPLETE -> (ended[w - 1] == HAD_EFFECT -> effectOf[w - 1] : FAILURE) : 0)
}

inline execute(w) {
  settlement(w);
  if
  :: operation == CLAIM -> claim(w)
  :: else -> change(w, operation, value)
  fi
}

inline finish(w) {
  phase[w - 1] = OVER; call[w - 1] = 0; fenceOf[w - 1] = 0; effectOf[w - 1] = 0; ended[w - 1] = 0;
  before[w - 1] = false; looked[w - 1] = false
}

/* K7, K8: what the caller is answered once the store has answered. */
inline hear(w) {
  if
  :: operation == CLAIM && acquired ->
    worked = true; phase[w - 1] = WORKING; call[w - 1] = 0; KEEP_FENCE; before[w - 1] = later
  :: operation == CLAIM && !acquired ->
    if
    :: state == DONE && SAME -> answer[w - 1] = result
    :: else -> skip
    fi;
    finish(w)
  :: operation != CLAIM && call[w - 1] == TAKE_BACK -> finish(w)
  :: operation != CLAIM && call[w - 1] == SETTLE && heard ->
    if
    :: ended[w - 1] == HAD_EFFECT -> answer[w - 1] = effectOf[w - 1]
    :: else -> skip
    fi;
    finish(w)
  :: operation != CLAIM && call[w - 1] == SETTLE && !heard -> call[w - 1] = INSPECT
  fi
}

inline look(w) {
  if
#ifdef NO_K8_LOSER
  :: true ->
    if
    :: ended[w - 1] == HAD_EFFECT -> answer[w - 1] = effectOf[w - 1]
    :: else -> skip
    fi
#else
  :: state == DONE && SAME -> answer[w - 1] = result
  :: else -> skip
#endif
  fi;
  finish(w)
}

/* K1: a sender that gives up takes an unconfirmed claim back; anything else it leaves. */
inline giveUp(w) {
#ifdef NO_K1_TAKEN_BACK
  finish(w)
#else
  if
  :: call[w - 1] == CLAIM -> call[w - 1] = TAKE_BACK
  :: else -> finish(w)
  fi
#endif
}

/* K4: a lease is renewed for its owner alone. */
#ifdef NO_K4_RENEWAL
#define RENEWS(w) true
#else
#define RENEWS(w) (owner == w)
#endif

inline says(w, what) {
  phase[w - 1] = CALLING; call[w - 1] = SETTLE; ended[w - 1] = what; fenceOf[w - 1] = 0; looked[w - 1] = false;
#ifdef NO_K7_STORED
  if
  :: what == HAD_EFFECT -> answer[w - 1] = effectOf[w - 1]
  :: else -> skip
  fi
#endif
}

#ifdef FENCED
#define REFUSED(w) (fenceOf[w - 1] < highest)
#define MARK(w) highest = HIGHER(fenceOf[w - 1], highest)
#ifdef NO_K6_LOOK
#define MUST_LOOK(w) false
#else
#define MUST_LOOK(w) (before[w - 1] && !looked[w - 1])
#endif
#else
#define REFUSED(w) false
#define MARK(w) skip
#define MUST_LOOK(w) false
#endif
#ifdef KEYED
#define KNOWN (effects > 0)
#else
#define KNOWN false
#endif

proctype Worker(byte w) {
end:
  do
  :: d_step { phase[w - 1] == ABSENT -> FROM; phase[w - 1] = CALLING; call[w - 1] = CLAIM; TO }

  /* The fates of a call: answered; executed and its answer lost; lost; given up while it is still on its way. */
  :: d_step { phase[w - 1] == CALLING && call[w - 1] != INSPECT -> FROM; execute(w); hear(w); TO }
  :: d_step { phase[w - 1] == CALLING && call[w - 1] == INSPECT -> FROM; look(w); TO }
  :: d_step { phase[w - 1] == CALLING && call[w - 1] != INSPECT && MAY_FAIL -> FROM; FAILS; execute(w); TO }
  :: d_step { phase[w - 1] == CALLING && call[w - 1] != INSPECT && MAY_FAIL -> FROM; FAILS; execute(w); giveUp(w); TO }
  :: d_step { phase[w - 1] == CALLING && MAY_FAIL -> FROM; FAILS; giveUp(w); TO }
  :: d_step { phase[w - 1] == CALLING && call[w - 1] != INSPECT && lateFrom == 0 && MAY_FAIL ->
       FROM; FAILS; settlement(w); lateFrom = w; lateCall = operation; lateResult = value; TO }
  :: d_step { phase[w - 1] == CALLING && call[w - 1] != INSPECT && lateFrom == 0 && MAY_FAIL ->
       FROM; FAILS; settlement(w); lateFrom = w; lateCall = operation; lateResult = value; giveUp(w); TO }

  /* The handler. It need not heed anything: its effect may come at any time while it works. */
#ifdef FENCED
  :: d_step { phase[w - 1] == WORKING && MUST_LOOK(w) -> FROM; looked[w - 1] = true;
       MARK(w); effectOf[w - 1] = first; TO }
#endif
  :: d_step { phase[w - 1] == WORKING && !MUST_LOOK(w) && effectOf[w - 1] == 0 && !REFUSED(w) && KNOWN ->
       FROM; effectOf[w - 1] = first; TO }
  :: d_step { phase[w - 1] == WORKING && !MUST_LOOK(w) && effectOf[w - 1] == 0 && !REFUSED(w) && !KNOWN && effects < 3 ->
       FROM; effects++; first = (first == 0 -> w : first); effectOf[w - 1] = w;
       MARK(w); TO }
  :: d_step { phase[w - 1] == WORKING && !MUST_LOOK(w) && effectOf[w - 1] == 0 -> FROM; says(w, NO_EFFECT); TO }
  :: d_step { phase[w - 1] == WORKING && !MUST_LOOK(w) -> FROM; says(w, UNKNOWN); TO }
  :: d_step { phase[w - 1] == WORKING && effectOf[w - 1] != 0 -> FROM; says(w, HAD_EFFECT); TO }
  :: d_step { phase[w - 1] == WORKING && state == RUNNING && !alive && RENEWS(w) && MAY_FAIL ->
       FROM; FAILS; alive = true; lateChange = lateChange || owner != w; didWhat = RENEW; didBy = w; didAnswer = 1; TO }
#ifdef GRAPH
  /* A refused renewal changes nothing; a store that replays the steps has to refuse it, too. */
  :: d_step { phase[w - 1] == WORKING && (state != RUNNING || !RENEWS(w)) ->
       FROM; didWhat = RENEW; didBy = w; didAnswer = 0; TO }
#endif
  :: d_step { (phase[w - 1] == CALLING || phase[w - 1] == WORKING) && MAY_FAIL -> FROM; FAILS; finish(w); TO }
  od
}

proctype Store() {
end:
  do
  :: d_step { lateFrom != 0 -> FROM;
       if
       :: lateCall == CLAIM -> claim(lateFrom); lateClaim = true
       :: else -> change(lateFrom, lateCall, lateResult)
       fi;
       lateFrom = 0; lateCall = 0; lateResult = 0; TO }
#ifndef NO_K3_LEASE_ENDS
  :: d_step { state == RUNNING && alive -> FROM; didWhat = TICK;
#ifdef NO_K9_RETENTION
       forget();
#else
       alive = false;
#endif
       TO }
#endif
#ifdef LOSES_RECORD
  :: d_step { state != ABSENT && !lost -> FROM; forget(); lost = true; TO }
#endif
  od
}

init {
  atomic {
    byte w = 1;
    do
    :: w <= N -> run Worker(w); w++
    :: else -> break
    od;
    w = 0;
    run Store()
  }
}

#ifndef GRAPH
#define STORED(w) (answer[w] == 0 || (state == DONE && result == answer[w]))
#if N == 3
#define ALL(p) (p(0) && p(1) && p(2))
#else
#define ALL(p) (p(0) && p(1))
#endif
#define IS_OVER(w) (phase[w] == OVER)
#define NO_OWN_ANSWER(w) (answer[w] == 0)

ltl one_effect { [] (effects <= 1) }
ltl same_answer { [] (lost || ALL(STORED)) }
ltl no_lost_effect { [] (lost || ((effects == 0 || state != ABSENT) && (effects > 0 || ALL(NO_OWN_ANSWER) || result == FAILURE))) }
ltl own_answer { [] !(answer[0] != 0 && answer[N - 1] != 0) }
ltl late_owner_changes_nothing { [] !lateChange }
ltl unworked_claim_is_released { <> [] (ALL(IS_OVER) && (worked || lateClaim || state == ABSENT)) }
ltl every_key_ends { <> [] (ALL(IS_OVER) && (state == ABSENT || state == DONE || !alive)) }

/* What must be reachable, so that none of the above holds for want of events. */
ltl reach_replay { [] !(answer[0] != 0 && answer[1] != 0) }
ltl reach_held { [] !(ALL(IS_OVER) && state == RUNNING && !alive) }
ltl reach_take_over { [] !(later && effects == 1 && state == DONE) }
ltl reach_late_owner { [] !(call[0] == INSPECT && owner == 2) }
ltl reach_late_call { [] !(phase[0] == OVER && lateFrom == 1 && lateCall == COMPLETE) }
#endif
