"""When it runs by itself: every night at 02:00, Asia/Shanghai, about the day that has just ended."""

from datetime import timedelta

import dagster as dg

TIMEZONE = "Asia/Shanghai"


def nightly_schedule(job_name: str) -> dg.ScheduleDefinition:
    """At 02:00 on day D+1 a run about `as_of` = D with everything received until the tick."""

    @dg.schedule(
        name="nightly_refresh",
        job_name=job_name,
        cron_schedule="0 2 * * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="每天 02:00（北京时间）刷新，事实日期为前一天，截至触发时刻已收到的交付全部计入。",
    )
    def nightly_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time
        day = (tick - timedelta(days=1)).date().isoformat()
        known_at = tick.replace(tzinfo=None).isoformat(timespec="seconds")
        return dg.RunRequest(
            run_key=f"nightly-{day}",
            run_config={"resources": {"scope": {"config": {"as_of": day, "known_at": known_at, "rules_as_of": day}}}},
            tags={"as_of": day},
        )

    return nightly_refresh
