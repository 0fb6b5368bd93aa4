// What test_access.py looks for in the page; evaluated there as an expression.
({
  seen: (one) => one.offsetParent && getComputedStyle(one).visibility !== "hidden",

  // Texts wider than what holds them, and what reaches beyond its column or the window.
  cut() {
    const texts = [...document.querySelectorAll("button, h1, h2, h3, p, label, td, th, li, select, dt, dd")]
      .filter((one) => this.seen(one) && one.id !== "status" && !one.closest(".item") && !one.closest("h1"))
      .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline");
    const columns = [...document.querySelectorAll("aside, #toolbar, header, main, #empty, dialog[open]")]
      .filter((one) => this.seen(one) && one.scrollWidth > one.clientWidth + 1);
    const beyond = [...document.querySelectorAll("button, input, select, h2, h3, p")]
      .filter((one) => this.seen(one) && one.getBoundingClientRect().right > innerWidth + 1);
    return [...texts, ...columns, ...beyond].map(
      (one) => `${one.tagName} ${one.id} ${one.textContent.slice(0, 60)} ${one.scrollWidth} ${one.clientWidth}`,
    );
  },

  // What has neither a text nor a label.
  nameless: () =>
    [...document.querySelectorAll("button, input:not([hidden]), select, canvas, progress")]
      .filter((one) => one.offsetParent && !one.textContent.trim())
      .filter((one) => !one.getAttribute("aria-label") && !one.labels?.length)
      .map((one) => one.outerHTML),

  // Of every text that is seen its ratio of contrast over what is wanted (WCAG 2.2, 1.4.3: 3 of a large text, 4.5
  // of another), the smallest first.
  contrast() {
    const parse = (text) => {
      const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
      return [r, g, b, a];
    };
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
    const ground = (one) => {
      const layers = [];
      for (let at = one; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
      return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
    };
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const luminance = (color) => {
      const [r, g, b] = color.map((value) => linear(value / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [];
    for (const one of document.querySelectorAll("body *")) {
      const words = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      const hint = one.placeholder && !one.value;
      const field = one.tagName === "INPUT" && ["text", "number"].includes(one.type);
      if (!(words || field) || !one.getClientRects().length) continue;
      const style = getComputedStyle(one, hint ? "::placeholder" : null);
      const under = ground(one);
      const [a, b] = [luminance(over(parse(style.color), under)), luminance(under)].sort((x, y) => y - x);
      const px = parseFloat(style.fontSize);
      const large = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 700);
      const text = one.textContent || one.placeholder || one.value;
      found.push([(a + 0.05) / (b + 0.05) / (large ? 3 : 4.5), `${one.tagName}.${one.className} ${text.slice(0, 40)}`]);
    }
    return found.sort((x, y) => x[0] - y[0]);
  },

  // Every look that a text can have: refused, noted, lost, chosen, disabled, empty.
  every() {
    obftnet.refused("refused");
    obftnet.noted("noted");
    obftnet.lost(true);
    const add = (html) => document.querySelector("#panel").insertAdjacentHTML("beforeend", html);
    for (const kind of ["good", "bad", "doubt", "soft"]) {
      add(`<p class="${kind}">words</p>`);
      add(`<ul class="findings"><li>words</li><li class="refused"><b class="${kind}">words</b></li></ul>`);
      add(`<button class="item"><small class="${kind}">words</small></button>`);
      add(`<button class="item" aria-current="true"><small class="${kind}">words</small></button>`);
    }
    add("<button disabled>words</button><button class='main' disabled>words</button>");
    add("<button class='danger' disabled>words</button><button class='danger'>words</button>");
    add("<div class='drop'>words</div><div class='drop over'>words</div>");
    add("<table><tbody><tr aria-selected='true'><td>words</td></tr></tbody></table>");
    add("<input type='text' placeholder='words'><input type='number' disabled value='1'>");
  },
})
