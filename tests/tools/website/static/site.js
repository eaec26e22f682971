// Shows an equation where it is referred to: to a pointer that rests, to the keyboard, and to a first tap.
// The equations come from a script and not by a request, which a browser refuses to a page that is a file.
(() => {
  let card = null, timer = 0, open = null, loading = null;
  const root = document.documentElement.dataset.content_root;

  function equations() {
    loading ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `${root}_static/equations.js`;
      script.onload = () => done(window.equations);
      script.onerror = failed;
      document.head.append(script);
    });
    return loading;
  }

  function hide() {
    clearTimeout(timer);
    card?.remove();
    open?.removeAttribute("aria-describedby");
    card = open = null;
  }

  async function show(link) {
    const entry = (await equations())[link.dataset.eq];
    hide();
    if (!entry) return;
    card = document.createElement("div");
    card.id = "card";
    card.setAttribute("role", "tooltip");
    card.innerHTML = `<p>${entry[0]} (${link.dataset.eq})</p>${entry[1]}`;
    document.body.append(card);
    const box = link.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8);
    const above = box.bottom + card.offsetHeight + 12 > innerHeight && box.top > card.offsetHeight + 12;
    card.style.left = `${Math.max(8, left) + scrollX}px`;
    card.style.top = `${(above ? box.top - card.offsetHeight - 6 : box.bottom + 6) + scrollY}px`;
    link.setAttribute("aria-describedby", "card");
    card.addEventListener("mouseleave", later);
    card.addEventListener("mouseenter", () => clearTimeout(timer));
    open = link;
  }

  const later = () => { clearTimeout(timer); timer = setTimeout(hide, 250); };
  const link = (event) => event.target.closest?.("a[data-eq]");

  document.addEventListener("pointerover", (event) => {
    const found = link(event);
    if (!found || event.pointerType === "touch") return;
    clearTimeout(timer);
    if (found !== open) timer = setTimeout(() => show(found), 150);
  });
  document.addEventListener("pointerout", (event) => { if (link(event)) later(); });
  document.addEventListener("focusin", (event) => { const found = link(event); if (found) show(found); });
  document.addEventListener("focusout", later);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("click", (event) => {
    const found = link(event);
    if (found && matchMedia("(hover: none)").matches && found !== open) {
      event.preventDefault();
      show(found);
    } else if (!event.target.closest?.("#card")) hide();
  });
})();
