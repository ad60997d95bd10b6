#!/bin/sh
# Makes the words a display speaks (Turkish), one small file each: needs
# espeak-ng and opus-tools. What it writes is committed; a city may put
# recordings of a speaker of its own in their place, under the same names.
set -eu
cd "$(dirname "$0")"
say() {
	espeak-ng -v tr -s 135 -p 45 -w /tmp/word.wav "$2"
	opusenc --quiet --bitrate 24 --speech /tmp/word.wav "$1.opus"
}
while read -r name word; do say "$name" "$word"; done <<WORDS
numara numara
vezne vezne
1 bir
2 iki
3 üç
4 dört
5 beş
6 altı
7 yedi
8 sekiz
9 dokuz
10 on
20 yirmi
30 otuz
40 kırk
50 elli
60 altmış
70 yetmiş
80 seksen
90 doksan
100 yüz
1000 bin
WORDS
rm -f /tmp/word.wav
