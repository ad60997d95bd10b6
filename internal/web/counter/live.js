// Staff screens: function keys for buttons (data-key), and a part that keeps
// itself up to date (data-live). Without this file the buttons work the same
// and the page reloads itself.
(function () {
  'use strict'
  var d = document
  d.documentElement.classList.add('c-script') // the names of keys may be shown

  // A key presses the first button or link that carries it. Function keys only:
  // letters belong to whoever types or listens with a screen reader.
  d.addEventListener('keydown', function (e) {
    if (e.ctrlKey || e.altKey || e.metaKey || e.repeat) return
    var b = d.querySelector('[data-key="' + (e.shiftKey ? 'Shift+' : '') + e.key + '"]')
    if (!b || !/^F\d+$/.test(e.key)) return
    e.preventDefault()
    if (b.tagName === 'DETAILS') {
      b.open = !b.open
      b.querySelector('summary').focus()
      return
    }
    if (b.matches('input,select,textarea')) return b.focus()
    b.click()
  })

  // In a numbered group of choices a digit picks: the group has the focus then,
  // so no letter or digit is taken from anybody who types.
  d.querySelectorAll('[data-digits]').forEach(function (g) {
    g.addEventListener('keydown', function (e) {
      var r = g.querySelectorAll('input[type=radio]')[e.key - 1]
      if (!r || e.ctrlKey || e.altKey || e.metaKey) return
      e.preventDefault()
      r.checked = true
      r.focus()
    })
  })

  var print = d.querySelector('[data-print-now]')
  if (print) addEventListener('load', function () { setTimeout(function () { window.print() }, 50) })

  // A place that is held counts down by the second.
  d.querySelectorAll('[data-until]').forEach(function (e) {
    var end = performance.now() + 1000 * e.getAttribute('data-until')
    var tick = function () {
      var left = Math.max(0, Math.round((end - performance.now()) / 1000))
      e.textContent = Math.floor(left / 60) + ':' + ('0' + left % 60).slice(-2)
      if (left === 0) { e.parentNode.classList.add('c-over'); clearInterval(timer) }
    }
    var timer = setInterval(tick, 1000)
    tick()
  })

  var live = d.querySelector('[data-live]')
  if (!live) return
  var was = live.innerHTML
  var off = d.querySelector('[data-offline]')
  var pause = 4000

  function busy() {
    var a = d.activeElement
    return d.hidden || live.querySelector('details[open]') || a && live.contains(a) && a.matches('input,select,textarea')
  }

  function show(html) {
    if (html === was) return
    var a = d.activeElement
    var id = a && live.contains(a) ? a.id : ''
    live.innerHTML = html
    was = html
    var again = id && d.getElementById(id)
    if (again) again.focus()
    var first = live.querySelector('[data-title]')
    if (first) d.title = first.getAttribute('data-title')
  }

  function ask() {
    if (busy()) return void setTimeout(ask, 1000)
    fetch(live.getAttribute('data-live'), { credentials: 'same-origin', headers: { Accept: 'text/html' } }).then(function (r) {
      if (r.redirected || r.status === 404) return location.reload() // signed out, or another day
      if (!r.ok) throw new Error(r.status)
      return r.text().then(function (t) {
        if (off) off.hidden = true
        if (!busy()) show(t)
      })
    }).catch(function () {
      if (off) off.hidden = false
    }).then(function () { setTimeout(ask, pause) })
  }
  setTimeout(ask, pause)
})()
