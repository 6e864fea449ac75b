/*
 * A cluster of Kafka's protocol by librdkafka's mock, one broker on loopback, in memory. It prints its address, then reads a
 * command a line and answers each with "ok" and librdkafka's error code:
 *
 *   topic NAME PARTITIONS    makes a topic
 *   fail API ERROR COUNT     answers the next requests of an API key with an error code
 *   rtt MS                   delays each answer
 *   down, up                 refuses connections, and takes them again
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BROKER 1

/*
 * The mock names a member of a group by its address, which the next member gets when this one is gone. One that comes back then
 * passes for the other, and the mock aborts ("!member->resp"). This stands before the function of libc, and numbers them.
 */
int __snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...) {
  static unsigned members;
  va_list values;
  int length;
  (void)flag, (void)room;
  if (strcmp(format, "%p") == 0) return snprintf(to, size, "member-%u", ++members);
  va_start(values, format);
  length = vsnprintf(to, size, format, values);
  va_end(values);
  return length;
}

int main(void) {
  char problem[512], line[512], name[256];
  int api, error, count, ms;
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), problem, sizeof problem);
  if (client == NULL) return fprintf(stderr, "%s\n", problem), 1;
  rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, BROKER);
  if (cluster == NULL) return fprintf(stderr, "no mock cluster\n"), 1;
  /* A group begins with the members that are there, and waits for no others. */
  rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
  printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    int answer = -1;
    if (sscanf(line, "topic %255s %d", name, &count) == 2) {
      answer = rd_kafka_mock_topic_create(cluster, name, count, 1);
    } else if (sscanf(line, "fail %d %d %d", &api, &error, &count) == 3) {
      for (; count > 0; count -= 1) rd_kafka_mock_push_request_errors(cluster, api, 1, error);
      answer = 0;
    } else if (sscanf(line, "rtt %d", &ms) == 1) {
      answer = rd_kafka_mock_broker_set_rtt(cluster, BROKER, ms);
    } else if (strncmp(line, "down", 4) == 0) {
      answer = rd_kafka_mock_broker_set_down(cluster, BROKER);
    } else if (strncmp(line, "up", 2) == 0) {
      answer = rd_kafka_mock_broker_set_up(cluster, BROKER);
    }
    printf("ok %d\n", answer);
    fflush(stdout);
  }
  return 0;
}
