// The strip above the scrubber: which frames have a mask, where something was drawn, lost, or is worth a look.

export function drawStrip(canvas, facts, frame) {
  const style = getComputedStyle(canvas);
  const scale = window.devicePixelRatio || 1;
  const width = (canvas.width = Math.max(Math.round(canvas.clientWidth * scale), 1));
  const height = (canvas.height = Math.round(10 * scale));
  const c = canvas.getContext("2d");
  const at = (n) => (n / Math.max(facts.count, 1)) * width;
  const spans = (list, color, top, tall) => {
    c.fillStyle = color;
    for (const [first, stop] of list) {
      c.fillRect(at(first), top * scale, Math.max(at(stop) - at(first), scale), tall * scale);
    }
  };
  c.clearRect(0, 0, width, height);
  spans([[0, facts.count]], style.getPropertyValue("--cp-line"), 4, 2);
  spans(facts.masked, style.getPropertyValue("--cp-accent"), 3, 4);
  spans(facts.lost, style.getPropertyValue("--cp-bad"), 3, 4);
  c.fillStyle = style.color;
  for (const n of facts.drawn) {
    c.beginPath();
    c.arc(at(n + 0.5), height / 2, 3.5 * scale, 0, 7);
    c.fill();
  }
  c.fillRect(at(frame + 0.5) - scale / 2, 0, scale, height);
}
