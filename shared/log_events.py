"""Every line that a service logs, by its key: the key stays, and the case itself stands in fields. They name event id and
referral id, and say nothing of what an event says.

docs/guides/operations.md shows them to who reads logs.
"""

from typing import Final

MEANINGS: Final = {
    (DEPENDENCY_AWAITED := "dependency_awaited"): "the start waits for Kafka or the store; `why`",
    (START_TIMED_OUT := "start_timed_out"): "a step of the start did not end; the process ends, to be started again",
    (PART_ENDED := "part_ended"): "a task of the service ended that must not; the process ends with it",
    (TASK_FAILED := "task_failed"): "a task that nobody waits for failed; the service goes on; `what`",
    (DEPENDENCY_CHECK_FAILED := "dependency_check_failed"): "another cluster, a missing topic, or no answer; `what`",
    (DEPENDENCY_CHECK_PASSED := "dependency_check_passed"): "Kafka and the store have again what a check missed",
    (FETCH_FAILED := "fetch_failed"): "Kafka's client raised; every partition goes back to what is done",
    (PARTITION_READ_APART := "partition_read_apart"): "a partition that Kafka's client cannot read is read by hand",
    (PARTITION_STALLED := "partition_stalled"): "a partition stands still while the others are read; `where`",
    (EVENTS_FELL_OUT := "events_fell_out"): "the log begins after what was committed: events were never read; `detail`",
    (LOG_START_UNKNOWN := "log_start_unknown"): "Kafka has not said where the logs begin; the service asks again",
    (SIGN_IN_FAILED := "sign_in_failed"): "nobody was signed in, or out, by the OpenID Connect provider; `why`",
    (HEARTBEAT_UNSENT := "heartbeat_unsent"): "the monitor could not send a heartbeat; it tries again; `why`",
    (
        LAG_UNSAMPLED := "lag_unsampled"
    ): "Kafka did not say how far it is read; until it does, states of lag are unknown",
    (LOG_GUARD_FAILED := "log_guard_failed"): "the embedded broker did not say how far its log is read",
    (
        RECORD_NOT_OBSERVED := "record_not_observed"
    ): "a projection failed at one record, `record`, and goes on without it",
    (
        FEED_READ_NOT_TOLD := "feed_read_not_told"
    ): "Kafka took no word that a partner reads its feed; the partner was answered",
    (RECORD_UNREAD := "record_unread"): "our own code failed to read one record, `record`; the record is a dead letter",
    (HANDLER_FAILED := "handler_failed"): "a handler raised at the event `event_id`; the event is a dead letter",
    (BATCH_REWOUND := "batch_rewound"): "a batch could not be saved or published; the loop rereads it after `pause`",
    (ENGINE_FAILED := "engine_failed"): "the engine itself raised; the batch is read again",
    (COMMIT_POSTPONED := "commit_postponed"): "Kafka took no offsets; a later commit covers them",
    (CLEARING_POSTPONED := "clearing_postponed"): "the store did not answer; the sweep clears what the batch left",
    (CIRCUIT_BREAKER_OPENED := "circuit_breaker_opened"): "handlers failed in numbers; nothing is read until a restart",
    (SWEEP_FAILED := "sweep_failed"): "outboxes or deadlines wait for Kafka or the store; `why`",
    (DEADLINES_FAILED := "deadlines_failed"): "the deadlines of one aggregate cannot be computed; the others fire",
    (
        TERM_PASSED := "term_passed"
    ): "documents were removed since the term for which they are kept had passed; how many",
    (
        REMOVAL_POSTPONED := "removal_postponed"
    ): "documents whose term has passed are there yet: the store does not answer; `why`",
    (
        REMOVAL_FAILED := "removal_failed"
    ): "documents whose term has passed stay, since one of them cannot be judged; the fault",
    (
        GROUP_NOT_LEFT := "group_not_left"
    ): "the stop did not wait for the group, which goes on once it misses the member",
    (
        DOCUMENT_VANISHED := "document_vanished"
    ): "a loaded document is gone: its term just ended, or was MongoDB restored?",
    (DOCUMENTS_UNCHECKED := "documents_unchecked"): "the server has no validators: it only stands in for MongoDB",
}
"""By key: what the line means and what follows from it."""
