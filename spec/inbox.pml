/*
 * One message, at a broker that delivers it at least once, and two processes of a consumer: the rules I1 to I8 of inbox.md.
 *
 * By default the effect is in the transaction of the inbox; -DHELD: it is elsewhere, and a message with an unknown outcome
 * becomes a dead letter. -DFAILS: the work always fails. -DREJECTS: it won't take the message. BOUNDED faults at most
 * (default 3). -DGRAPH prints each step, and where a consumer waits. The guards, each taken out by -DNO_ and its name:
 * I1_RECORD, I2_TOGETHER, I3_SETTLED, I4_COMMITTED, I5_TRIES, I6_RETENTION, I7_HELD, I8_CLAIM.
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

/* The copies of the message that wait at the broker, and what the broker knows of it. */
byte waiting = 1;
bool letter, acknowledged;

/* The inbox's record of the message, and the consumer whose transaction has it locked. */
byte state, owner, lock;
bool alive;

/* How often the work has failed since the consumer took the message. */
byte phase[2], verdict[2], tries[2];
byte effects;
byte faults = BOUNDED;

#define MAY_FAIL (faults > 0)
#define FAIL faults--

#ifdef GRAPH
/* Who has done a message in one transaction makes no difference to it. */
#ifdef HELD
#define OWNER now.owner
#else
#define OWNER 0
#endif
c_code {
  char stepFrom[100], stepTo[100];
  int writeState(char *to) {
    int c, at = sprintf(to, "%d,%d,%d;%d,%d,%d,%d;%d", now.waiting, now.letter, now.acknowledged, now.state, OWNER, now.alive,
      now.lock != 0, now.effects);
    for (c = 0; c < 2; c++) at += sprintf(to + at, ";%d,%d,%d", now.phase[c], now.verdict[c], now.tries[c]);
    return at;
  }
}
#define FROM c_code { writeState(stepFrom); }
#define TO(what) c_code { writeState(stepTo); printf("STEP %s > %s > %s %d\n", stepFrom, stepTo, what, PConsumer->c); }
#define BY_ITSELF(what) c_code { writeState(stepTo); printf("STEP %s > %s > %s\n", stepFrom, stepTo, what); }
#else
#define FROM skip
#define TO(what) skip
#define BY_ITSELF(what) skip
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

/* It waits, and claims the message once more. */
inline again(c) { phase[c] = HANDLING; lock = (lock == c + 1 -> 0 : lock) }

/* I5: a message that was tried too often is a dead letter. */
inline tryAgain(c) {
#ifdef NO_I5_TRIES
  again(c)
#else
  tries[c]++;
  if
  :: tries[c] >= TRIES_MAX -> decide(c, DEAD_LETTER)
  :: else -> again(c)
  fi
#endif
}

inline idle(c) { phase[c] = IDLE; verdict[c] = 0; tries[c] = 0; lock = (lock == c + 1 -> 0 : lock) }

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
  :: d_step { phase[c] == IDLE && waiting > 0 -> FROM; waiting--; phase[c] = HANDLING;
#ifdef NO_I3_SETTLED
       acknowledged = true;
#endif
       TO("take") }

  :: d_step { phase[c] == HANDLING && IS_DONE -> FROM; decide(c, ACKNOWLEDGE); TO("find done") }
  :: d_step { phase[c] == HANDLING && !(IS_DONE) && IS_UNKNOWN -> FROM; decide(c, DEAD_LETTER); TO("find unknown") }
  :: d_step { phase[c] == HANDLING && !(IS_DONE) && IS_FREE -> FROM; phase[c] = WORKING;
#ifdef HELD
       state = RUNNING; owner = c + 1; alive = true;
#else
       lock = c + 1;
#endif
       TO("claim") }
  /* While another has it, it waits. */
#ifdef GRAPH
  :: d_step { phase[c] == HANDLING && !(IS_DONE) && !(IS_UNKNOWN) && !(IS_FREE) -> FROM; TO("wait") }
#endif
  /* It closes before it works, or between two tries. */
  :: d_step { phase[c] == HANDLING && MAY_FAIL -> FROM; FAIL; decide(c, GIVE_BACK); TO("close") }

#ifdef REJECTS
  :: d_step { phase[c] == WORKING -> FROM; RELEASED(c); decide(c, DEAD_LETTER); TO("reject") }
#else
#ifdef FAILS
  :: d_step { phase[c] == WORKING -> FROM; RELEASED(c); tryAgain(c); TO("fail") }
#else
  :: d_step { phase[c] == WORKING && MAY_FAIL -> FROM; FAIL; RELEASED(c); tryAgain(c); TO("fail") }
#ifdef HELD
  /* The effect is elsewhere; then the record says so. */
  :: d_step { phase[c] == WORKING -> FROM; effects++; phase[c] = COMMITTING; TO("work") }
  :: d_step { phase[c] == COMMITTING && state == RUNNING && owner == c + 1 -> FROM; write(c); decide(c, ACKNOWLEDGE); TO("commit") }
#else
  :: d_step { phase[c] == WORKING -> FROM; phase[c] = COMMITTING;
#ifdef NO_I4_COMMITTED
       acknowledged = true;
#endif
       TO("work") }
#ifdef NO_I2_TOGETHER
  /* The effect is committed by itself, and the record after it. */
  :: d_step { phase[c] == COMMITTING -> FROM; effects++; phase[c] = 5; TO("commit the effect") }
  :: d_step { phase[c] == 5 -> FROM; write(c); decide(c, ACKNOWLEDGE); TO("commit") }
#else
  :: d_step { phase[c] == COMMITTING -> FROM; effects++; write(c); decide(c, ACKNOWLEDGE); TO("commit") }
  /* The confirmation of a commit is lost: claimed once more, the message has its record. */
  :: d_step { phase[c] == COMMITTING && MAY_FAIL -> FROM; FAIL; effects++; write(c); again(c); TO("commit unheard") }
  :: d_step { phase[c] == COMMITTING && MAY_FAIL -> FROM; FAIL; again(c); TO("fail to commit") }
#endif
#endif
#endif
#endif

  /* I3: a consumer does what the verdict says, and nothing before. An acknowledgement may be lost. */
  :: d_step { phase[c] == DECIDED && verdict[c] == ACKNOWLEDGE -> FROM; acknowledged = true; idle(c); TO("acknowledge") }
  :: d_step { phase[c] == DECIDED && verdict[c] == ACKNOWLEDGE && MAY_FAIL -> FROM; FAIL; waiting++; idle(c); TO("acknowledge unheard") }
  :: d_step { phase[c] == DECIDED && verdict[c] == DEAD_LETTER -> FROM; letter = true; verdict[c] = ACKNOWLEDGE; TO("write letter") }
  :: d_step { phase[c] == DECIDED && verdict[c] == GIVE_BACK -> FROM; waiting++; idle(c); TO("give back") }

  /* Its process dies: the database rolls back, and the broker delivers again. */
  :: d_step { phase[c] != IDLE && MAY_FAIL -> FROM; FAIL; waiting++; idle(c); TO("die") }
  od
}

proctype Surroundings() {
end:
  do
  /* The broker has the message again while a consumer is at it, or a relay publishes it twice. */
  :: d_step { waiting == 0 && MAY_FAIL -> FROM; FAIL; waiting++; BY_ITSELF("deliver again") }
#ifdef HELD
  :: d_step { state == RUNNING && alive -> FROM; alive = false; BY_ITSELF("end lease") }
#endif
#ifdef NO_I6_RETENTION
  :: d_step { state == DONE && phase[0] != DECIDED && phase[1] != DECIDED -> FROM; state = ABSENT; owner = 0; BY_ITSELF("forget") }
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
