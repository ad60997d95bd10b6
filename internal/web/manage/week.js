// Paints a week by dragging. The fields below the drawing are the truth: the
// drawing is made from them and writes into them, so that nothing is lost where
// this does not run.
(() => {
  const grid = document.querySelector('[data-week]')
  if (!grid) return
  const most = Number(grid.dataset.most), unit = Number(grid.dataset.unit)
  const clock = m => String(Math.floor(m / 60)).padStart(2, '0') + ':' + String(m % 60).padStart(2, '0')
  const rows = [...grid.querySelectorAll('tr[data-day]')].map(tr => ({
    field: document.getElementById(tr.dataset.day), cells: [...tr.querySelectorAll('td')],
  }))
  const shade = n => 'm-' + (n === 0 ? 0 : Math.max(1, Math.ceil(n * 5 / most)))
  const set = (td, n) => { td.className = shade(n); td.textContent = n || ''; td.dataset.n = n }
  const write = row => {
    const parts = []
    for (const td of row.cells) {
      const at = Number(td.dataset.at), n = Number(td.dataset.n), last = parts[parts.length - 1]
      if (!n) continue
      if (last && last.to === at && last.n === n) last.to = at + unit
      else parts.push({ from: at, to: at + unit, n })
    }
    row.field.value = parts.map(p => clock(p.from) + '-' + clock(p.to) + ' ' + p.n).join(', ')
  }
  const read = row => {
    const shifts = [...row.field.value.matchAll(/(\d{1,2})[:.](\d{2})\D+?(\d{1,2})[:.](\d{2})\D+?(\d+)/g)]
      .map(m => ({ from: m[1] * 60 + +m[2], to: m[3] * 60 + +m[4], n: +m[5] }))
    for (const td of row.cells) {
      const s = shifts.find(s => td.dataset.at >= s.from && td.dataset.at < s.to)
      set(td, s ? Math.min(s.n, most) : 0)
    }
  }
  for (const row of rows) row.field.addEventListener('input', () => read(row))

  const brush = document.querySelector('[data-brush]')
  brush.hidden = false
  const amount = () => Number(brush.querySelector('input:checked').value)
  let from = null, before = null
  const at = e => {
    const td = document.elementFromPoint(e.clientX, e.clientY)?.closest('td')
    const y = rows.findIndex(r => r.cells.includes(td))
    return y < 0 ? null : { x: rows[y].cells.indexOf(td), y }
  }
  const paint = to => {
    rows.forEach((row, y) => row.cells.forEach((td, x) => {
      const inside = y >= Math.min(from.y, to.y) && y <= Math.max(from.y, to.y) && x >= Math.min(from.x, to.x) && x <= Math.max(from.x, to.x)
      set(td, inside ? amount() : before[y][x])
    }))
  }
  grid.addEventListener('pointerdown', e => {
    if (!(from = at(e))) return
    before = rows.map(r => r.cells.map(td => Number(td.dataset.n)))
    grid.setPointerCapture(e.pointerId)
    e.preventDefault()
    paint(from)
  })
  grid.addEventListener('pointermove', e => {
    const to = from && at(e)
    if (to) paint(to)
  })
  const end = () => { if (from) rows.forEach(write); from = null }
  grid.addEventListener('pointerup', end)
  grid.addEventListener('pointercancel', end)
})()
