"use strict";
// Everything that came from AWS is put on the page as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 25;
  const collator = new Intl.Collator("en", { numeric: true });

  for (const box of document.querySelectorAll("[data-table]")) {
    setUpTable(box, data.tables[box.dataset.table]);
  }
  setUpMap(data.map);

  function setUpTable(box, { kinds, rows }) {
    const body = box.querySelector("tbody");
    const search = box.querySelector("input");
    const status = box.querySelector("[role=status]");
    const steps = [...box.querySelectorAll("[data-step]")];
    const heads = [...box.querySelectorAll("thead th")];
    // One lower-case line for each row: searching 2,000 rows takes a millisecond or two.
    const lines = rows.map((row) => row.join("\n").toLowerCase());
    let shown = rows.map((_, index) => index);
    let page = 0;
    let sorted = { column: -1, down: false };

    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => {
        sorted = { column, down: sorted.column === column && !sorted.down };
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
        choose();
      });
      head.replaceChildren(button);
    });
    search.addEventListener("input", choose);
    steps.forEach((button) =>
      button.addEventListener("click", () => {
        page += Number(button.dataset.step);
        draw();
      }),
    );
    box.querySelector(".tools").hidden = rows.length < 2;
    box.search = (text) => {
      search.value = text;
      choose();
    };
    draw();

    function choose() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      shown = [];
      lines.forEach((line, index) => {
        if (words.every((word) => line.includes(word))) shown.push(index);
      });
      const { column, down } = sorted;
      if (column >= 0) {
        const order =
          kinds[column] === "number" ? (a, b) => a - b : (a, b) => collator.compare(String(a), String(b));
        shown.sort((a, b) => order(rows[a][column], rows[b][column]) * (down ? -1 : 1) || a - b);
      }
      page = 0;
      draw();
    }

    function draw() {
      const pages = Math.max(1, Math.ceil(shown.length / PAGE));
      page = Math.min(Math.max(page, 0), pages - 1);
      const from = page * PAGE;
      body.replaceChildren(
        ...shown.slice(from, from + PAGE).map((index) => {
          const line = document.createElement("tr");
          rows[index].forEach((value, column) => {
            const cell = document.createElement("td");
            cell.className = kinds[column];
            cell.textContent = typeof value === "number" ? value.toLocaleString("en") : value;
            line.append(cell);
          });
          return line;
        }),
      );
      const to = Math.min(from + PAGE, shown.length);
      status.textContent = shown.length
        ? `${(from + 1).toLocaleString("en")} to ${to.toLocaleString("en")} of ${shown.length.toLocaleString("en")}`
        : "nothing fits";
      steps[0].disabled = page === 0;
      steps[1].disabled = page >= pages - 1;
    }
  }

  function setUpMap({ regions, ids, names, units, unit, cells, jobs, outcomes }) {
    const box = document.getElementById("map");
    const canvas = box.querySelector("canvas");
    const said = document.getElementById("map-cell");
    const counts = jobs.split(",");
    const letters = Object.keys(outcomes);
    const worse = (a, b) => (rank(a) >= rank(b) ? a : b);
    const LABELS = 118;
    let here = { account: 0, region: 0, on: false };
    let geometry;
    if (!ids.length || !regions.length) return;
    box.hidden = false;
    new ResizeObserver(draw).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    canvas.addEventListener("mousemove", (event) => point(event, false));
    canvas.addEventListener("click", (event) => point(event, true));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const ends = { Home: 0, End: ids.length - 1 };
      if (step) go(here.account + step[0], here.region + step[1]);
      else if (event.key in ends) go(ends[event.key], here.region);
      else if (event.key === "Enter") listGaps();
      else return;
      event.preventDefault();
    });

    function rank(letter) {
      return letter === "." ? 0 : letter === letter.toUpperCase() ? 3 : letter === "c" ? 2 : 1;
    }

    function draw() {
      const width = canvas.parentElement.clientWidth;
      const labels = width < 500 ? 0 : LABELS;
      const height = Math.max(8, Math.min(20, Math.round(520 / regions.length)));
      const wide = Math.min(24, (width - labels) / ids.length);
      const density = devicePixelRatio || 1;
      geometry = { labels, height, wide };
      canvas.style.height = `${height * regions.length}px`;
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * regions.length * density);
      const pen = canvas.getContext("2d");
      pen.scale(density, density);
      const style = getComputedStyle(document.documentElement);
      const colours = { ".": style.getPropertyValue("--raised") };
      for (const letter of letters) colours[letter] = style.getPropertyValue(`--o-${outcomes[letter]}`);
      const gap = wide >= 4 ? 1 : 0;
      regions.forEach((region, row) => {
        if (labels) {
          pen.fillStyle = style.getPropertyValue("--text");
          pen.font = `${Math.min(12, height - 2)}px ui-monospace, monospace`;
          pen.textBaseline = "middle";
          pen.fillText(region, 2, (row + 0.5) * height, labels - 6);
        }
        // Where a column is narrower than a point, those that share it show the worst of them.
        const columns = wide >= 1 ? ids.length : Math.floor(width - labels);
        for (let column = 0; column < columns; column += 1) {
          const first = wide >= 1 ? column : Math.floor((column * ids.length) / columns);
          const last = wide >= 1 ? column + 1 : Math.max(first + 1, Math.floor(((column + 1) * ids.length) / columns));
          let letter = ".";
          for (let account = first; account < last; account += 1) {
            letter = worse(cells[account * regions.length + row], letter);
          }
          const size = wide >= 1 ? wide : 1;
          pen.fillStyle = colours[letter];
          pen.fillRect(labels + column * size, row * height, size - gap, height - (height > 8 ? 1 : 0));
          if (size >= 14 && height >= 14 && rank(letter) === 3) {
            pen.fillStyle = style.getPropertyValue("--back");
            pen.font = "bold 11px ui-monospace, monospace";
            pen.textAlign = "center";
            pen.fillText(letter, labels + (column + 0.5) * size - 0.5, (row + 0.5) * height);
            pen.textAlign = "left";
          }
        }
      });
      if (here.on) {
        pen.strokeStyle = style.getPropertyValue("--text");
        pen.lineWidth = 2;
        const side = Math.max(wide, 6);
        pen.strokeRect(labels + (here.account + 0.5) * wide - side / 2, here.region * height, side, height);
      }
    }

    function point(event, list) {
      const { left, top } = canvas.getBoundingClientRect();
      const account = Math.floor((event.clientX - left - geometry.labels) / geometry.wide);
      const region = Math.floor((event.clientY - top) / geometry.height);
      if (account < 0 || account >= ids.length) return;
      go(account, region);
      if (list) listGaps();
    }

    function go(account, region) {
      here = {
        account: Math.min(Math.max(account, 0), ids.length - 1),
        region: Math.min(Math.max(region, 0), regions.length - 1),
        on: true,
      };
      const place = here.account * regions.length + here.region;
      const outcome = outcomes[cells[place]] || "no target";
      const found = counts[place] ? `, ${counts[place]} jobs` : "";
      said.textContent = `${names[here.account]} ${ids[here.account]}, ${regions[here.region]}: ${outcome}${found} ${units[unit[here.account]]}`;
      draw();
    }

    function listGaps() {
      const table = document.querySelector('[data-table="gaps"]');
      if (!table) return;
      table.search(ids[here.account]);
      table.scrollIntoView({ block: "nearest" });
    }
  }
})();
