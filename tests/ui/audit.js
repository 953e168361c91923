// What a screen reader and a weak eye would trip over on one page: a list of complaints, empty when there are none.
() => {
  const found = [];
  const seen = (node) => {
    const box = node.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && getComputedStyle(node).visibility !== "hidden";
  };
  const name = (node) =>
    (node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent || node.title || node.alt || "").trim();
  const heads = [...document.querySelectorAll("h1,h2,h3,h4")].map((node) => Number(node.tagName[1]));
  if (heads.filter((level) => level === 1).length !== 1) found.push(`h1: ${heads.filter((level) => level === 1).length}`);
  heads.forEach((level, i) => { if (i && level > heads[i - 1] + 1) found.push(`heading ${heads[i - 1]} → ${level}`); });
  if (document.querySelectorAll("main").length !== 1) found.push("main");
  for (const node of document.querySelectorAll("a[href],button,input:not([type=hidden]),select,textarea,summary"))
    if (seen(node) && !name(node)) found.push(`no name: ${node.outerHTML.slice(0, 80)}`);
  for (const node of document.querySelectorAll("img:not([alt])")) found.push(`no alt: ${node.src}`);
  for (const node of document.querySelectorAll("th:not([scope])")) found.push(`th without scope: ${node.textContent.slice(0, 30)}`);
  for (const node of document.querySelectorAll("[role=img],[role=region]")) if (!node.getAttribute("aria-label")) found.push("role without label");
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => found.push(`id twice: ${id}`));
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) =>
    [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let up = node; up; up = up.parentElement) {
      const colour = parse(getComputedStyle(up).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const dull = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node || node.closest("script,style,svg,.skip,.sr") || !seen(node)) continue;
    const style = getComputedStyle(node);
    const [one, other] = [light(parse(style.color)), light(behind(node))].sort((a, b) => b - a);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if ((one + 0.05) / (other + 0.05) < (large ? 3 : 4.5)) dull.add(`${style.color} on ${behind(node)}: ${node.className || node.tagName}`);
  }
  return [...found, ...[...dull].map((text) => `contrast ${text}`)];
}
