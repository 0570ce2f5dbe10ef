"""A behavioural simulator of the Client Portal gateway: same URLs, JSON, limits and first-read quirks, no broker.

It imports nothing from the rest of the project, so that a misreading of the gateway cannot cancel itself out.

Here is what starts a world and holds it (`command`, `application`, `scenario`, `world`, `running_world`), and what all
of it needs (`clock`, `errors`, `wire`). What is imitated is in rooms: `front` (who comes in, the login, the request
limits), `exchange`, `accounts`, `orders`, `streaming`, each endpoint in `routes`, and what a test makes go wrong in
`faults`.
"""

from api_gateway.simulator.application import create_app, gateway_routes
from api_gateway.simulator.errors import StartError
from api_gateway.simulator.world import Options, World, build_world

__all__ = ["Options", "StartError", "World", "build_world", "create_app", "gateway_routes"]
