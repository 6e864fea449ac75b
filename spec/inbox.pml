/*
 * One message, at a broker that delivers it at least once, and two processes of a consumer: the rules I1 to I8 of inbox.md.
 *
 * By default the effect is in the transaction of the inbox; -DHELD: it is elsewhere, and a message with an unknown outcome
 * becomes a dead letter. -DFAILS: the work always fails. -DREJECTS: it won't take the message. BOUNDED faults at most
 * (default 3). -DGRAPH prints each change of the record. The guards, each taken out by -DNO_ and its name: I1_RECORD,
 * I2_TOGETHER, I3_SETTLED, I4_COMMITTED, I5_TRIES, I6_RETENTION, I7_HELD, I8_CLAIM.
 */
#ifndef BOUNDED
#define BOUNDED 3
#endif
#define TRIES_MAX 2

#define ABSENT 0
#define RUNNING 1
#define DONE 2

#define IDLE 0
#define HANDLING 1
#define WORKING 2
#define COMMITTING 3
#define DECIDED 4

#define ACKNOWLEDGE 1
#define DEAD_LETTER 2
#define GIVE_BACK 3

/* The copies that the broker has, waiting or with a consumer, and what it knows of the message. */
byte waiting = 1, tries;
bool letter, acknowledged;

/* The inbox's record of the message, and the consumer whose transaction has it locked. */
byte state, owner, lock;
bool alive;

byte phase[2], verdict[2];
byte effects;
byte faults = BOUNDED;

#define MAY_FAIL (faults > 0)
#define FAIL faults--

#ifdef GRAPH
c_code {
  char recordFrom[40], recordTo[40];
  int writeRecord(char *to) { return sprintf(to, "%d,%d,%d", now.state, now.owner, now.alive); }
}
#define FROM c_code { writeRecord(recordFrom); }
#define CLAIMED c_code { writeRecord(recordTo); printf("STEP claim %d: %s > %s\n", PConsumer->c + 1, recordFrom, recordTo); }
#define COMPLETED c_code { writeRecord(recordTo); printf("STEP complete %d: %s > %s\n", PConsumer->c + 1, recordFrom, recordTo); }
#else
#define FROM skip
#define CLAIMED skip
#define COMPLETED skip
#endif

/* I1, I7, I8: what a consumer finds when it claims a message. */
#ifdef NO_I1_RECORD
#define IS_DONE false
#else
#define IS_DONE (state == DONE)
#endif
#ifdef HELD
#define IS_TAKEN (state == RUNNING && alive && owner != c + 1)
#ifdef NO_I7_HELD
#define IS_UNKNOWN false
#define IS_FREE (state == ABSENT || (state == RUNNING && !alive))
#else
#define IS_UNKNOWN (state == RUNNING && !alive)
#define IS_FREE (state == ABSENT)
#endif
#else
#define IS_UNKNOWN false
#ifdef NO_I8_CLAIM
#define IS_TAKEN false
#else
#define IS_TAKEN (lock != 0)
#endif
#define IS_FREE (!(IS_TAKEN) && !(IS_DONE))
#endif

inline decide(c, what) { phase[c] = DECIDED; verdict[c] = what; lock = (lock == c + 1 -> 0 : lock) }

/* I5: a message that was tried too often is a dead letter. */
inline tryAgain(c) {
#ifdef NO_I5_TRIES
  decide(c, GIVE_BACK)
#else
  tries++;
  if
  :: tries >= TRIES_MAX -> decide(c, DEAD_LETTER)
  :: else -> decide(c, GIVE_BACK)
  fi
#endif
}

inline idle(c) { phase[c] = IDLE; verdict[c] = 0; lock = (lock == c + 1 -> 0 : lock) }

inline write(c) { state = DONE; owner = c + 1; alive = false }

/* A release by the owner, which had no effect. */
#ifdef HELD
#define RELEASED(c) state = (state == RUNNING && owner == c + 1 -> ABSENT : state); owner = (state == ABSENT -> 0 : owner); alive = (state == RUNNING -> alive : false)
#else
#define RELEASED(c) skip
#endif

proctype Consumer(byte c) {
end:
  do
  :: d_step { phase[c] == IDLE && waiting > 0 -> waiting--; phase[c] = HANDLING;
#ifdef NO_I3_SETTLED
       acknowledged = true;
#endif
       skip }

  :: d_step { phase[c] == HANDLING && IS_DONE -> decide(c, ACKNOWLEDGE) }
  /* While another has it, it waits. */
  :: d_step { phase[c] == HANDLING && !(IS_DONE) && IS_UNKNOWN -> decide(c, DEAD_LETTER) }
  :: d_step { phase[c] == HANDLING && !(IS_DONE) && IS_FREE -> FROM; phase[c] = WORKING;
#ifdef HELD
       state = RUNNING; owner = c + 1; alive = true;
#else
       lock = c + 1;
#endif
       CLAIMED }

#ifdef REJECTS
  :: d_step { phase[c] == WORKING -> RELEASED(c); decide(c, DEAD_LETTER) }
#else
#ifdef FAILS
  :: d_step { phase[c] == WORKING -> RELEASED(c); tryAgain(c) }
#else
#ifdef HELD
  /* The effect is elsewhere; then the record says so. */
  :: d_step { phase[c] == WORKING -> effects++; phase[c] = COMMITTING }
  :: d_step { phase[c] == WORKING && MAY_FAIL -> FAIL; RELEASED(c); tryAgain(c) }
  :: d_step { phase[c] == COMMITTING && state == RUNNING && owner == c + 1 -> FROM; write(c); decide(c, ACKNOWLEDGE); COMPLETED }
  :: d_step { phase[c] == COMMITTING && !(state == RUNNING && owner == c + 1) -> decide(c, GIVE_BACK) }
#else
  :: d_step { phase[c] == WORKING -> phase[c] = COMMITTING;
#ifdef NO_I4_COMMITTED
       acknowledged = true;
#endif
       skip }
  :: d_step { phase[c] == WORKING && MAY_FAIL -> FAIL; tryAgain(c) }
#ifdef NO_I2_TOGETHER
  /* The effect is committed by itself, and the record after it. */
  :: d_step { phase[c] == COMMITTING -> effects++; phase[c] = 5 }
  :: d_step { phase[c] == 5 -> write(c); decide(c, ACKNOWLEDGE) }
#else
  :: d_step { phase[c] == COMMITTING -> FROM; effects++; write(c); decide(c, ACKNOWLEDGE); COMPLETED }
  /* The confirmation of a commit is lost: the next delivery finds the record. */
  :: d_step { phase[c] == COMMITTING && MAY_FAIL -> FAIL; FROM; effects++; write(c); decide(c, GIVE_BACK); COMPLETED }
  :: d_step { phase[c] == COMMITTING && MAY_FAIL -> FAIL; decide(c, GIVE_BACK) }
#endif
#endif
#endif
#endif

  /* I3: a consumer does what the verdict says, and nothing before. An acknowledgement may be lost. */
  :: d_step { phase[c] == DECIDED && verdict[c] == ACKNOWLEDGE -> acknowledged = true; idle(c) }
  :: d_step { phase[c] == DECIDED && verdict[c] == DEAD_LETTER -> letter = true; verdict[c] = ACKNOWLEDGE }
  :: d_step { phase[c] == DECIDED && verdict[c] == GIVE_BACK -> waiting++; idle(c) }
  :: d_step { phase[c] == DECIDED && MAY_FAIL -> FAIL; waiting++; idle(c) }

  /* Its process dies: the database rolls back, and the broker delivers again. */
  :: d_step { phase[c] != IDLE && MAY_FAIL -> FAIL; waiting++; idle(c) }
  od
}

proctype Surroundings() {
end:
  do
  /* The broker has the message again while a consumer is at it, or a relay publishes it twice. */
  :: d_step { waiting == 0 && MAY_FAIL -> FAIL; waiting++ }
#ifdef HELD
  :: d_step { state == RUNNING && alive -> alive = false }
#endif
#ifdef NO_I6_RETENTION
  :: d_step { state == DONE && phase[0] != DECIDED && phase[1] != DECIDED -> state = ABSENT; owner = 0 }
#endif
  od
}

init { atomic { run Consumer(0); run Consumer(1); run Surroundings() } }

#ifndef GRAPH
ltl one_effect { [] (effects <= 1) }
ltl acknowledged_is_settled { [] (!acknowledged || effects > 0 || letter) }
ltl no_lost_effect { [] (effects == 0 || state == DONE || (state == RUNNING)) }
ltl every_message_ends { <> [] (waiting == 0 && phase[0] == IDLE && phase[1] == IDLE && (effects > 0 || letter)) }

ltl reach_repeat { [] !(effects == 1 && waiting > 0 && acknowledged) }
ltl reach_side_by_side { [] !(phase[0] == WORKING && phase[1] == HANDLING) }
ltl reach_letter { [] !letter }
ltl reach_lost_acknowledgement { [] !(effects == 1 && !acknowledged && waiting > 0) }
#endif
