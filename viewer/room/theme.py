"""How the room looks: dark, so that the X-ray picture is what is seen first; one place for all its colours."""

GROUND, PANEL, RAISED, EDGE = "#14181d", "#1b2127", "#242c34", "#333e48"
INK, FAINT = "#e6ebef", "#93a1ad"
ACCENT, WARN, ALARM, GOOD = "#5fb3d9", "#e3b341", "#ef6b5b", "#7cc48d"
STAGE, STAGE_TOP = "#12161b", "#232b33"


def style_sheet(scale: float) -> str:
    """Qt's style sheet for a window whose type is this much larger than at 1280 × 800."""
    px = {name: round(size * scale) for name, size in
          {"small": 11, "body": 13, "large": 16, "huge": 22, "gap": 4, "pad": 7, "round": 5, "bar": 6}.items()}  # fmt: skip
    return f"""
    QWidget {{ background: {GROUND}; color: {INK}; font-size: {px["body"]}px; }}
    QWidget#panel {{ background: {PANEL}; border: 1px solid {EDGE}; border-radius: {px["round"]}px; }}
    QWidget#panel QLabel, QWidget#panel QWidget#plain {{ background: {PANEL}; border: none; }}
    QLabel#caption {{ color: {FAINT}; font-size: {px["small"]}px; }}
    QLabel#value {{ font-size: {px["large"]}px; font-weight: 600; }}
    QLabel#huge {{ font-size: {px["huge"]}px; font-weight: 600; }}
    QLabel#foot {{ color: {FAINT}; font-size: {px["small"]}px; }}
    QLabel#limits {{ color: {WARN}; font-size: {px["small"]}px; }}
    QLabel#alarm {{ color: {ALARM}; font-weight: 600; }}
    QPushButton {{ background: {RAISED}; border: 1px solid {EDGE}; border-radius: {px["round"]}px;
                   padding: {px["gap"]}px {px["pad"]}px; }}
    QPushButton:hover {{ border-color: {ACCENT}; }}
    QPushButton:checked, QPushButton:pressed {{ background: #1f4a61; border-color: {ACCENT}; color: white; }}
    QPushButton:disabled {{ color: #5d6973; }}
    QProgressBar {{ background: {RAISED}; border: none; border-radius: {px["bar"] // 2}px; max-height: {px["bar"]}px; }}
    QProgressBar::chunk {{ background: {ACCENT}; border-radius: {px["bar"] // 2}px; }}
    QTableWidget {{ background: {PANEL}; border: none; font-size: {px["small"] + 1}px; }}
    QHeaderView::section {{ background: {PANEL}; color: {FAINT}; border: none; border-bottom: 1px solid {EDGE};
                            padding: {px["gap"]}px; font-size: {px["small"]}px; }}
    QComboBox {{ background: {RAISED}; border: 1px solid {EDGE}; border-radius: {px["round"]}px; padding: {px["gap"]}px; }}
    QScrollBar:vertical {{ background: {PANEL}; width: {px["pad"]}px; }}
    QScrollBar::handle {{ background: {EDGE}; border-radius: {px["gap"] // 2}px; }}
    QToolTip {{ background: {RAISED}; color: {INK}; border: 1px solid {EDGE}; }}
    """
