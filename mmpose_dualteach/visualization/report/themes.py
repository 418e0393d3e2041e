# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Colours of the page and its charts by name, for readers in light and in dark surroundings."""

# The series colours follow Okabe and Ito's palette, darkened or lightened until each stands out from its background.
# No two colours of the light theme may be equal: charts are drawn in them and find the names back by them.
THEMES = dict(
    light=dict(
        page='#f5f6f8',
        card='#ffffff',
        text='#1c2430',
        faint='#5b6675',
        rule='#dfe3e8',
        grid='#e8ebef',
        accent='#e6f0fa',
        c0='#0072b2',
        c1='#d55e00',
        c2='#008f68',
        c3='#b8508f',
        c4='#a87900',
        c5='#2f9bd8',
        c6='#4a5563',
        c7='#8d5a3a',
    ),
    dark=dict(
        page='#12161c',
        card='#1a2028',
        text='#e4e8ee',
        faint='#9aa5b3',
        rule='#333c48',
        grid='#29313b',
        accent='#203347',
        c0='#4ba3e3',
        c1='#f58a4b',
        c2='#35c497',
        c3='#e592c4',
        c4='#e3bf4a',
        c5='#93d5f7',
        c6='#b5bdc8',
        c7='#c79a7b',
    ),
)
SERIES_COLOURS = 8  # c0 to c7
