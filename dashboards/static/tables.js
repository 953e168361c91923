// On a narrow screen a short table, or one whose cells hold sentences (data-entries), reads as labelled entries (app.css does the rest);
// a long one keeps its columns and scrolls.
"use strict";
(() => {
  const SHORT = 12;
  for (const table of document.querySelectorAll("main table")) {
    if (!table.tHead || table.closest("details.data")) continue;
    const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const many = rows.length > SHORT && !("entries" in table.dataset);
    if (heads.length < 3 || many || rows.some((row) => row.cells.length !== heads.length)) continue;
    table.classList.add("labelled");
    // display: grid would take the table away from those who listen to it
    table.setAttribute("role", "table");
    for (const row of [...table.tHead.rows, ...rows]) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, place) => {
        cell.setAttribute("role", cell.tagName === "TH" ? "columnheader" : "cell");
        if (cell.tagName === "TD") cell.dataset.label = heads[place];
        if (!cell.textContent.trim()) cell.classList.add("blank");
      });
    }
  }
})();
