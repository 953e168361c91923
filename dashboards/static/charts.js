// Draws every figure of the page from the option beside it. Formatters live here because JSON cannot carry functions.
"use strict";
(() => {
  const NONE = "<5";
  const english = document.documentElement.lang === "en";
  const trimmed = (value, digits) => value.toLocaleString(english ? "en" : "zh-CN", { maximumFractionDigits: digits });
  const written = (value, unit) => {
    if (value === null || value === undefined || Number.isNaN(value)) return NONE;
    if (unit === "%") return `${trimmed(value * 100, 1)}%`;
    if (unit === "CNY") return `CNY ${Math.abs(value) >= 1e6 ? `${trimmed(value / 1e6, 2)}M` : trimmed(value, 0)}`;
    if (unit === "元") {
      const size = Math.abs(value);
      if (size >= 1e8) return `${trimmed(value / 1e8, 2)} 亿元`;
      if (size >= 1e4) return `${trimmed(value / 1e4, 1)} 万元`;
      return `${trimmed(value, 0)} 元`;
    }
    return `${trimmed(value, 1)} ${unit}`.trim();
  };
  const short = (value, unit) => {
    if (unit === "%") return `${trimmed(value * 100, 0)}%`;
    const size = Math.abs(value);
    if (english) return size >= 1e6 ? `${trimmed(value / 1e6, 1)}M` : trimmed(value, 1);
    if (size >= 1e8) return `${trimmed(value / 1e8, 1)}亿`;
    if (size >= 1e4) return `${trimmed(value / 1e4, 1)}万`;
    return trimmed(value, 1);
  };
  const number = (value) => (Array.isArray(value) ? value[value.length - 1] : value);

  const dress = (option) => {
    const unit = option.unit;
    delete option.unit;
    // Rich text draws the tooltip inside the SVG: no inline style attribute, which the page's policy forbids.
    option.tooltip = {
      ...option.tooltip,
      renderMode: "richText",
      confine: true,
      padding: [6, 10],
      textStyle: { fontSize: 12 },
      axisPointer: { type: "shadow", shadowStyle: { color: "rgba(43,106,153,0.06)" } },
      valueFormatter: (value) => written(number(value), unit),
    };
    for (const axis of [option.xAxis, option.yAxis]) {
      if (axis && axis.type === "value" && axis.show !== false) axis.axisLabel.formatter = (value) => short(value, unit);
    }
    for (const series of option.series) {
      if (!series.label || !series.label.show) continue;
      if (series.label.tile) {
        delete series.label.tile;
        series.label.formatter = (point) => `${point.name}\n${point.data.few ? NONE : short(number(point.value), unit)}`;
        series.label.lineHeight = 15;
        series.label.fontSize = 11;
        option.tooltip.formatter = (point) => `${point.name}  ${point.data.few ? NONE : written(number(point.value), unit)}`;
      } else {
        series.label.formatter = (point) => (point.data.few ? NONE : written(point.data.total ?? number(point.value), unit));
      }
    }
    option.aria = { enabled: false };
    return option;
  };

  const draw = (figure) => {
    const plot = figure.querySelector(".plot");
    const option = JSON.parse(figure.querySelector("script.option").textContent);
    const spoken = plot.getAttribute("aria-label");
    plot.replaceChildren();
    const chart = echarts.init(plot, null, { renderer: "svg", locale: english ? "EN" : "ZH" });
    chart.setOption(dress(option));
    // On paper the picture is as wide as the sheet (print.css), whatever the window was.
    const scale = () => plot.querySelector("svg").setAttribute("viewBox", `0 0 ${chart.getWidth()} ${chart.getHeight()}`);
    scale();
    plot.setAttribute("aria-label", spoken);
    plot.dataset.drawn = "yes";
    new ResizeObserver(() => {
      if (matchMedia("print").matches) return;
      chart.resize();
      scale();
    }).observe(plot);
    plot.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      // Otherwise the same key press, its focus moved to the summary, would toggle it back.
      event.preventDefault();
      const data = figure.querySelector("details.data");
      data.open = !data.open;
      if (data.open) data.querySelector("summary").focus();
    });
  };

  for (const figure of document.querySelectorAll("figure.chart")) {
    if (!figure.querySelector("script.option")) continue;
    try {
      draw(figure);
    } catch (error) {
      const plot = figure.querySelector(".plot");
      plot.textContent = "图没有画出来，请看下面的数据表。";
      figure.querySelector("details.data").open = true;
      console.error(error);
    }
  }
})();
