"""Write the drawings of docs/architecture.md."""

from pathlib import Path

from docs.drawings.graph import graph_drawing
from docs.drawings.rooms import rooms_drawing
from unigs.io.files import write_if_changed

PICTURES = Path(__file__).parents[1] / "pictures"
DRAWINGS = {"rooms.svg": rooms_drawing, "graph.svg": graph_drawing}

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        changed = write_if_changed(PICTURES / name, draw().encode())
        print(f"docs/pictures/{name}: {'written' if changed else 'as it was'}")
