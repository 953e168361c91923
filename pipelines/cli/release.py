"""`huiqi release`: a named person lets a held delivery in, or puts a refused one aside."""

from contextlib import closing
from typing import Annotated, Any

import typer

from pipelines.audit import trail
from pipelines.cli import output
from pipelines.cli.acting import moment_of, phrase_of, refusals
from pipelines.cli.output import Home, Json, Stop
from pipelines.control import ControlStore
from pipelines.deliveries import release, settle
from pipelines.officers import prove
from pipelines.published import open_published


def register(app: typer.Typer) -> None:
    app.command(
        "release",
        help="放行：行数异常而待放行的交付，由具名人员核实后放行，下次运行入库；--aside 则不入库，只是不再提醒。"
        "示例：huiqi release SWJ_SB_ZZS_202411_I_01.txt.gz --by 张三 --why 税务局来电确认大规模补报",
    )(released)


def released(
    file: Annotated[str, typer.Argument(help="文件名，或 huiqi feeds --json 里的 file_id")],
    by: Annotated[
        str, typer.Option("--by", help="放行人姓名（须先登记，口令取自环境变量 HUIQI_PASSPHRASE 或当场输入）")
    ],
    why: Annotated[str, typer.Option("--why", help="理由")],
    aside: Annotated[bool, typer.Option("--aside", help="不放行，只把这份拒收或待放行的交付标为已处置")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    folder = output.home_of(home)
    if not why.strip():
        raise Stop("须写明理由（--why）")
    delivery = _delivery(folder, file, ("refused", "held") if aside else ("held",))
    control = ControlStore(folder / "control.sqlite")
    phrase = phrase_of(by)
    with refusals(), control.transaction() as db:
        prove(db, by, phrase, "analyst", "approver")
    moment = moment_of(folder)
    if aside:
        settle(control, trail(folder), delivery, by, why.strip(), moment)
    else:
        release(folder, control, trail(folder), delivery, by, why.strip(), moment)
    trail(folder).anchor(control)
    said = {"file_id": delivery["file_id"], "file": delivery["name"], "kind": "settled" if aside else "released"}
    if json:
        output.print_json(said)
    else:
        then = "不再提醒" if aside else "下次 `huiqi run` 入库"
        output.console.print(f"{delivery['name']}：已由{by}{'标为处置完毕' if aside else '放行'}，{then}", markup=False)


def _delivery(folder: Any, file: str, statuses: tuple[str, ...]) -> dict[str, Any]:
    with closing(open_published(folder)) as con:
        found = (
            con.sql(
                "SELECT file_id, name, path, status, received_at FROM raw.delivery WHERE name = $f OR file_id = $f"
                " ORDER BY received_at DESC, file_id",
                params={"f": file},
            )
            .pl()
            .to_dicts()
        )
    fit = [row for row in found if row["status"] in statuses]
    if len({row["file_id"] for row in fit}) > 1:
        raise Stop(f"有 {len(fit)} 份同名交付：{'、'.join(row['file_id'] for row in fit)}；请写 file_id")
    if fit:
        return fit[0]
    if found:
        said = {"loaded": "已入库", "superseded": "已被取代", "refused": "被拒收（拒收不能放行，须部门更正后重新交付；只想不再提醒用 --aside）", "held": "待放行"}  # fmt: skip
        raise Stop(f"{file} {said.get(found[0]['status'], found[0]['status'])}", output.REFUSED)
    raise Stop(f"没有交付 {file}；见 `huiqi feeds --refused`")
