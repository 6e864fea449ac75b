/*
 * Two messages, from the transactions that add them to the broker, by two relays: the rules O1 to O8 of outbox.md.
 *
 * Both have one ordering key; -DKEYLESS: none. -DREFUSED: the broker refuses the first message, which is parked after two
 * refusals. -DBOUNDED=n: n faults at most, for what has to happen in the end. -DGRAPH prints each change of the table. The guards, each
 * taken out by -DNO_ and its name: O1_LOCK, O2_INSIDE, O3_ALL, O4_OLDEST, O5_STOPS, O6_LEASE_ENDS, O7_CONFIRMED, O8_HELD.
 */

/* Writers: a transaction for each message, which adds it at its position. A row of the table is named by its message. */
#define OPEN 1
#define COMMITTED 2
#define BACK 3

byte writer[2], position[2], last, lock;
bool committed[2];
/* Which of the two committed first, as message + 1. */
byte firstCommit;

/* The rows, as relays see them. Of times it is known whether they are over. */
bool there[2], due[2], parked[2];
byte owner[2], refusals[2];
byte cursor;

/* A relay's claim: its token, the messages that it has not handed over, what was confirmed, and what it gives back. */
byte token[2];
bool left0[2], left1[2], done0[2], done1[2];
byte gives[2], givesRefusals[2];
/* How often the first message was refused when it was claimed. */
byte known[2];
bool givesPark[2];

/* A return that its sender has given up, and a publish. */
byte lateGives, lateToken, lateRefusals, latePublish;
bool latePark;

bool published[2];
bool twice, disorder, lateChange;

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
  char rowsFrom[200], rowsTo[200];
  int writeRows(char *to) {
    int m, at = 0;
    for (m = 0; m < 2; m++)
      if (now.there[m])
        at += sprintf(to + at, "%s%d,%d,%d,%d,%d,%d", at ? ";" : "", now.position[m], m, now.owner[m], now.due[m],
          now.refusals[m], now.parked[m]);
    to[at] = 0;
    return at;
  }
}
#endif

/* With -DGRAPH and -DWALKS each step is printed with the states before and after it. Of tokens only counts which are the same. */
#ifdef WALKS
c_code {
  char stepFrom[200], stepTo[200];
  int holderOf(int t) { return t == 0 ? 0 : t == now.token[0] ? 1 : t == now.token[1] ? 2 : 3; }
  int writeState(char *to) {
    int m, r, at = sprintf(to, "%d,%d", now.writer[0], now.writer[1]);
    for (m = 0; m < 2; m++)
      at += now.there[m]
        ? sprintf(to + at, ";1,%d,%d,%d,%d", holderOf(now.owner[m]), now.due[m] && !now.parked[m], now.refusals[m], now.parked[m])
        : sprintf(to + at, ";0,0,0,0,0");
    at += sprintf(to + at, ";%d", now.writer[0] == 2 && now.writer[1] == 2 && now.position[1] < now.position[0]);
    for (r = 0; r < 2; r++)
      at += sprintf(to + at, ";%d,%d,%d,%d,%d,%d,%d,%d", now.token[r] != 0, now.left0[r] ? now.known[r] + 1 : 0, now.left1[r], now.done0[r],
        now.done1[r], now.gives[r], now.givesRefusals[r], now.givesPark[r]);
    return at + sprintf(to + at, ";%d,%d,%d,%d,%d,%d;%d;%d,%d", holderOf(now.lateToken), now.lateToken != 0 && now.lateToken == now.owner[0],
      now.lateToken != 0 && now.lateToken == now.owner[1], now.lateGives, now.lateRefusals, now.latePark, now.latePublish,
      now.published[0], now.published[1]);
  }
}
#define FROM c_code { writeState(stepFrom); }
#define TO(what) c_code { writeState(stepTo); printf("STEP %s > %s > %s\n", stepFrom, stepTo, what); }
#define WRITER_TO(what) c_code { writeState(stepTo); printf("STEP %s > %s > %s %d\n", stepFrom, stepTo, what, PWriter->m); }
#define RELAY_TO(what) c_code { writeState(stepTo); printf("STEP %s > %s > %s %d\n", stepFrom, stepTo, what, PRelay->r); }
#else
#define FROM skip
#define TO(what) skip
#define WRITER_TO(what) skip
#define RELAY_TO(what) skip
#endif

#define IS_USED(t) (token[0] == t || token[1] == t || owner[0] == t || owner[1] == t || lateToken == t)

/* The oldest row of the key. Without a key, each row is the oldest. */
#define OTHER(m) (1 - m)
#ifdef KEYLESS
#define IS_OLDEST(m) true
#else
#ifdef NO_O4_OLDEST
#define IS_OLDEST(m) true
#else
#define IS_OLDEST(m) !(there[OTHER(m)] && position[OTHER(m)] < position[m])
#endif
#endif
#ifdef NO_O3_ALL
#define IS_READ(m) (position[m] > cursor)
#else
#define IS_READ(m) true
#endif
#define IS_FREE(m) (there[m] && due[m] && !parked[m] && IS_OLDEST(m) && IS_READ(m))

/* O8: what a relay still holds: by its own lease, or by that on the oldest row of the key. */
#ifdef KEYLESS
#define IS_BEHIND(m, t) false
#else
#define IS_BEHIND(m, t) (owner[m] == 0 && !parked[m] && there[OTHER(m)] && position[OTHER(m)] < position[m] && owner[OTHER(m)] == t)
#endif
#ifdef NO_O8_HELD
#define IS_HELD(m, t) (there[m] && (owner[m] == 0 || owner[m] == t))
#else
#define IS_HELD(m, t) (there[m] && (owner[m] == t || IS_BEHIND(m, t)))
#endif

inline postpone(m, t, count, park) {
  if
  :: IS_HELD(m, t) ->
    lateChange = lateChange || parked[m] || (owner[m] != 0 && owner[m] != t);
    owner[m] = 0; due[m] = false; parked[m] = park; refusals[m] = (count > 0 -> count : refusals[m])
  :: else -> skip
  fi
}

/* The broker has a message. For the first time it must not come before one of its key that committed earlier. */
inline accept(m) {
  twice = twice || published[m];
#ifndef KEYLESS
  disorder = disorder || (!published[m] && firstCommit == OTHER(m) + 1 && !published[OTHER(m)]);
#endif
  published[m] = true
}

inline lose(r) {
  token[r] = 0; left0[r] = false; left1[r] = false; done0[r] = false; done1[r] = false;
  gives[r] = 0; givesRefusals[r] = 0; givesPark[r] = false; known[r] = 0
}

/* O1: who adds to an ordering key waits for the others that did, until their transactions end. */
#if defined(KEYLESS) || defined(NO_O1_LOCK)
#define MAY_ADD true
#else
#define MAY_ADD (lock == 0)
#endif

/* O2: a row is there when its transaction commits. */
#ifdef NO_O2_INSIDE
#define APPEARS_AT_ADD(m) there[m] = true; due[m] = true
#define APPEARS_AT_COMMIT(m) skip
#else
#define APPEARS_AT_ADD(m) skip
#define APPEARS_AT_COMMIT(m) there[m] = true; due[m] = true
#endif

proctype Writer(byte m) {
end:
  do
  :: d_step { writer[m] == 0 && MAY_ADD -> FROM; writer[m] = OPEN; lock = m + 1; last++; position[m] = last;
       APPEARS_AT_ADD(m); WRITER_TO("add") }
  :: d_step { writer[m] == OPEN -> FROM; writer[m] = COMMITTED; committed[m] = true; lock = (lock == m + 1 -> 0 : lock);
       firstCommit = (firstCommit == 0 -> m + 1 : firstCommit); APPEARS_AT_COMMIT(m); WRITER_TO("commit") }
  :: d_step { writer[m] == OPEN -> FROM; writer[m] = BACK; lock = (lock == m + 1 -> 0 : lock); WRITER_TO("roll back") }
  od
}

#define MAY_PUBLISH(r, m) (token[r] != 0 && gives[r] == 0 && (m == 0 -> left0[r] : left1[r]) && IS_NEXT(r, m))
#ifdef KEYLESS
#define IS_NEXT(r, m) true
#else
#define IS_NEXT(r, m) !((m == 0 -> left1[r] : left0[r]) && position[OTHER(m)] < position[m])
#endif

inline handedOver(r, m) {
  if
  :: m == 0 -> left0[r] = false
  :: else -> left1[r] = false
  fi
}

inline confirmed(r, m) {
  if
  :: m == 0 -> done0[r] = true
  :: else -> done1[r] = true
  fi
}

/* O5: what comes behind one that was not confirmed goes back with it. */
inline failed(r, m, count, park) {
  handedOver(r, m);
#ifndef NO_O5_STOPS
  left0[r] = false; left1[r] = false;
#endif
  gives[r] = m + 1; givesRefusals[r] = count; givesPark[r] = park
}

inline claims(r, m) {
  if
  :: !IS_USED(1) -> token[r] = 1
  :: IS_USED(1) && !IS_USED(2) -> token[r] = 2
  :: IS_USED(1) && IS_USED(2) && !IS_USED(3) -> token[r] = 3
  :: IS_USED(1) && IS_USED(2) && IS_USED(3) && !IS_USED(4) -> token[r] = 4
  :: IS_USED(1) && IS_USED(2) && IS_USED(3) && IS_USED(4) -> token[r] = 5
  fi;
  owner[m] = token[r]; due[m] = false; known[r] = refusals[0];
  cursor = (position[m] > cursor -> position[m] : cursor);
  if
  :: m == 0 -> left0[r] = true
  :: else -> left1[r] = true
  fi;
#ifndef KEYLESS
#ifndef NO_O4_OLDEST
  if
  :: there[OTHER(m)] && position[OTHER(m)] > position[m] ->
    if
    :: m == 0 -> left1[r] = true
    :: else -> left0[r] = true
    fi
  :: else -> skip
  fi;
#endif
#endif
#ifdef NO_O7_CONFIRMED
  there[m] = false; owner[m] = 0;
#endif
  skip
}

#ifdef REFUSED
#define IS_REFUSED(m) (m == 0)
#else
#define IS_REFUSED(m) false
#endif

#if defined(GRAPH) && !defined(WALKS)
#define BEGIN c_code { writeRows(rowsFrom); }
#define CLAIM_DONE c_code { writeRows(rowsTo); printf("STEP claim %d: %s > %s\n", now.token[PRelay->r], rowsFrom, rowsTo); }
#define CLAIM_LOST c_code { writeRows(rowsTo); printf("STEP claim %d: %s > %s\n", PRelay->unheard, rowsFrom, rowsTo); }
#define CONFIRM_DONE c_code { writeRows(rowsTo); printf("STEP confirm %d%d: %s > %s\n", PRelay->gone0, PRelay->gone1, rowsFrom, rowsTo); }
#define RETURN_DONE c_code { writeRows(rowsTo); printf("STEP return %d,%d,%d,%d: %s > %s\n", PRelay->what, now.token[PRelay->r], now.givesRefusals[PRelay->r], now.givesPark[PRelay->r], rowsFrom, rowsTo); }
#define LATE_BEGIN c_code { writeRows(rowsFrom); }
#define LATE_DONE c_code { writeRows(rowsTo); printf("STEP return %d,%d,%d,%d: %s > %s\n", now.lateGives, now.lateToken, now.lateRefusals, now.latePark, rowsFrom, rowsTo); }
#else
#define BEGIN FROM
#define CLAIM_DONE skip
#define CLAIM_LOST skip
#define CONFIRM_DONE skip
#define RETURN_DONE skip
#define LATE_BEGIN FROM
#define LATE_DONE skip
#endif

#define EACH_MESSAGE(r, m) \
  :: d_step { token[r] == 0 && IS_FREE(m) -> BEGIN; claims(r, m); CLAIM_DONE; RELAY_TO("claim") } \
  :: d_step { token[r] == 0 && IS_FREE(m) && MAY_FAIL -> BEGIN; FAILS; claims(r, m); unheard = token[r]; lose(r); CLAIM_LOST; unheard = 0; RELAY_TO("claim unheard") } \
  :: d_step { MAY_PUBLISH(r, m) && !IS_REFUSED(m) -> FROM; accept(m); handedOver(r, m); confirmed(r, m); RELAY_TO("publish") } \
  :: d_step { MAY_PUBLISH(r, m) && IS_REFUSED(m) -> FROM; failed(r, m, known[r] + 1, (known[r] + 1 >= 2)); RELAY_TO("publish refused") } \
  :: d_step { MAY_PUBLISH(r, m) && !IS_REFUSED(m) && MAY_FAIL -> FROM; FAILS; accept(m); failed(r, m, 0, false); RELAY_TO("publish unheard") } \
  :: d_step { MAY_PUBLISH(r, m) && MAY_FAIL -> FROM; FAILS; failed(r, m, 0, false); RELAY_TO("publish lost") } \
  :: d_step { MAY_PUBLISH(r, m) && !IS_REFUSED(m) && latePublish == 0 && MAY_FAIL -> FROM; FAILS; latePublish = m + 1; failed(r, m, 0, false); RELAY_TO("publish late") }

#define HAS_PUBLISHED(r) (token[r] != 0 && (gives[r] != 0 || !(left0[r] || left1[r])))
#define IS_WRITTEN(r) (HAS_PUBLISHED(r) && gives[r] == 0)

proctype Relay(byte r) {
  byte unheard, what, gone0, gone1;
end:
  do
  EACH_MESSAGE(r, 0)
  EACH_MESSAGE(r, 1)
#ifdef NO_O5_STOPS
  /* The others of the key go on first. */
  :: d_step { token[r] != 0 && gives[r] != 0 && left1[r] && !IS_REFUSED(1) -> FROM; accept(1); left1[r] = false; done1[r] = true; RELAY_TO("publish behind") }
#endif
  /* What was not confirmed goes back first: by then the next of the key has its delay. Then what was confirmed is removed. */
  :: d_step { HAS_PUBLISHED(r) && gives[r] != 0 -> BEGIN; what = gives[r] - 1;
       postpone(what, token[r], givesRefusals[r], givesPark[r]); RETURN_DONE; what = 0;
       gives[r] = 0; givesRefusals[r] = 0; givesPark[r] = false; RELAY_TO("return") }
  :: d_step { HAS_PUBLISHED(r) && gives[r] != 0 && lateGives == 0 && lateToken == 0 && MAY_FAIL -> FROM; FAILS;
       lateGives = gives[r] - 1; lateToken = token[r]; lateRefusals = givesRefusals[r]; latePark = givesPark[r]; RELAY_TO("return late") }
  :: d_step { IS_WRITTEN(r) && !(left0[r] || left1[r]) -> BEGIN; gone0 = done0[r]; gone1 = done1[r];
       there[0] = there[0] && !gone0; there[1] = there[1] && !gone1;
       owner[0] = (there[0] -> owner[0] : 0); owner[1] = (there[1] -> owner[1] : 0);
       lose(r); CONFIRM_DONE; gone0 = 0; gone1 = 0; RELAY_TO("confirm") }
  :: d_step { token[r] != 0 && MAY_FAIL -> FROM; FAILS; lose(r); RELAY_TO("die") }
  od
}

#define HOLDS(r, m) (token[r] != 0 && token[r] == owner[m])
#define EACH_ROW(m) \
  :: d_step { there[m] && owner[m] == 0 && !due[m] && !parked[m] -> FROM; due[m] = true; TO("come due " #m) } \
  :: d_step { there[m] && owner[m] != 0 && !due[m] && (HOLDS(0, m) || HOLDS(1, m)) && MAY_FAIL -> FROM; FAILS; due[m] = true; TO("come due " #m) }
#define EACH_LEASE(m) \
  :: d_step { there[m] && owner[m] != 0 && !due[m] && !HOLDS(0, m) && !HOLDS(1, m) -> FROM; due[m] = true; TO("come due " #m) }

proctype Time() {
end:
  do
  EACH_ROW(0)
  EACH_ROW(1)
#ifndef NO_O6_LEASE_ENDS
  EACH_LEASE(0)
  EACH_LEASE(1)
#endif
  :: d_step { latePublish != 0 -> FROM; accept((latePublish - 1)); latePublish = 0; TO("accept late") }
  :: d_step { lateToken != 0 -> LATE_BEGIN; postpone(lateGives, lateToken, lateRefusals, latePark); LATE_DONE;
       lateGives = 0; lateToken = 0; lateRefusals = 0; latePark = false; TO("return arrives") }
  od
}

init { atomic { run Writer(0); run Writer(1); run Relay(0); run Relay(1); run Time() } }

#ifndef GRAPH
#define IS_COMMITTED(m) (!published[m] || committed[m])
#define IS_VISIBLE(m) (there[m] && (parked[m] || (there[OTHER(m)] && parked[OTHER(m)])))
#define IS_PUBLISHED(m) (!committed[m] || published[m] || IS_VISIBLE(m))
#define HAS_ENDED(m) (!there[m] || IS_VISIBLE(m))

ltl only_commits_are_published { [] (IS_COMMITTED(0) && IS_COMMITTED(1)) }
ltl commit_order { [] !disorder }
ltl late_owner_changes_nothing { [] !lateChange }
ltl every_commit_is_published { <> [] (IS_PUBLISHED(0) && IS_PUBLISHED(1)) }
ltl every_message_ends { <> [] (HAS_ENDED(0) && HAS_ENDED(1) && token[0] == 0 && token[1] == 0) }

ltl reach_both_published { [] !(published[0] && published[1] && !there[0] && !there[1]) }
ltl reach_take_over { [] !(token[0] != 0 && owner[0] != 0 && owner[0] == token[1]) }
ltl reach_published_twice { [] !twice }
ltl reach_parked { [] !parked[0] }
ltl reach_late_return { [] !(lateToken != 0 && owner[lateGives] != 0 && owner[lateGives] != lateToken) }
#endif
