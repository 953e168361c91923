"""Whether a text that decodes is what was written: Chinese in another encoding decodes more often than one thinks."""

from __future__ import annotations

import re

from data.readers.reading import RefusedFile

# So much of a text is asked whether it is Chinese at all, if it holds so many characters; real deliveries are above .97.
SAMPLE, LEAST_HAN, COMMON = 50_000, 40, 0.6
# And so much of every later piece: two files may have been laid end to end.
LATER = 20_000
# Ideographs and what fills their place when an encoding is mistaken: private use, kana, Hangul are not among them.
_HAN = re.compile(r"[\u3400-\u9fff\ue000-\uf8ff]+")
# What two bytes of GB2312 look like where they happen to be UTF-8: 失效 is ʧЧ.
_PAIRS = re.compile(r"[\u0080-\u07ff]{2,}")


class Doubt:
    """Looks at a text of `codec` as it comes in pieces. Raises RefusedFile once another encoding must be meant, at the latest at its end."""

    def __init__(self, codec: str) -> None:
        self._utf8 = codec == "utf-8"
        self._opening = ""
        self._judged = False
        self._han = False
        self._meant: tuple[str, str] | None = None

    def look(self, text: str) -> None:
        """The next piece."""
        if self._judged:
            _refuse_strange(text[:LATER])
        else:
            self._opening += text[: SAMPLE - len(self._opening)]
            if len(self._opening) >= SAMPLE:
                self._judge()
        if self._utf8 and not self._han:
            self._han = bool(_HAN.search(text))
            self._meant = self._meant or meant(text)

    def end(self) -> None:
        """There is no more."""
        if not self._judged:
            self._judge()
        if self._meant is not None and not self._han:
            shown, said = self._meant
            raise RefusedFile(
                f"合同约定 UTF-8，全文没有一个汉字，却有「{shown}」，按 GB18030 读是「{said}」；请按合同的编码重新交付"
            )

    def _judge(self) -> None:
        self._judged = True
        _refuse_strange(self._opening)
        self._opening = ""


def meant(text: str) -> tuple[str, str] | None:
    """(what stands in a text read as UTF-8, the Chinese it is in GB2312), if there is such a word and no Chinese besides."""
    if _HAN.search(text):
        return None
    for found in _PAIRS.finditer(text):
        try:
            said = found.group().encode().decode("gb2312")
        except UnicodeDecodeError:
            continue
        if _HAN.fullmatch(said):
            return found.group()[:12], said[:12]
    return None


def _refuse_strange(text: str) -> None:
    """Chinese that decodes and is none: read once too often by another encoding, or another country's encoding that fits by accident.

    Of the Chinese that names, addresses and reports are written in nearly everything is in GB2312.
    """
    han = "".join(_HAN.findall(text))
    if not han:
        return
    raw = han.encode("gb18030")
    as_utf8 = raw.decode("utf-8", "ignore")
    if 3 * len("".join(_HAN.findall(as_utf8))) > (0.8 if len(han) >= LEAST_HAN else 0.999) * len(raw):
        raise RefusedFile(f"文字是乱码：像是 UTF-8 被当作 GB18030 读出后又转存（如「{han[:6]}」应为「{as_utf8[:4]}」）")
    if len(han) < LEAST_HAN:
        return
    common = len(han.encode("gb2312", "ignore")) // 2
    if common < COMMON * len(han):
        raise RefusedFile(
            f"{len(han)} 个汉字中只有 {common} 个是常用字（如「{han[:6]}」），像是别的编码（如 Big5）；请按合同的编码重新交付"
        )
