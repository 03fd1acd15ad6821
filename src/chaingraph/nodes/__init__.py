"""The built-in nodes: ordinary users of `@node`, one file for each kind of work."""

from __future__ import annotations

from chaingraph.engine.authoring import node_type_of
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.node import NodeType
from chaingraph.nodes.arithmetic import MathNode
from chaingraph.nodes.arrays import ArrayElementNode, array_length_node
from chaingraph.nodes.basic_values import (
    ArrayNode,
    BooleanNode,
    NumberNode,
    ObjectNode,
    TextNode,
)
from chaingraph.nodes.events import (
    EventEmitterNode,
    EventListenerNode,
    EventListenerNodeV2,
    IsRootExecutionNode,
)
from chaingraph.nodes.flow_control import GateNodeV2, GroupNode, SwitchNode, branch_node
from chaingraph.nodes.http import HttpRequestNode
from chaingraph.nodes.logic import and_node, not_node, or_node
from chaingraph.nodes.secrets import unencrypted_secret
from chaingraph.nodes.streams import stream_buffer_node, text_stream_node
from chaingraph.nodes.text import number_to_string_node, string_length_node, text_search_node
from chaingraph.nodes.utilities import debug_log_node
from chaingraph.nodes.waits import HumanInputNode, RunFlowNode, WaitForSignalNode, sleep_node

BUILT_IN: tuple[NodeType, ...] = tuple(
    map(
        node_type_of,
        (
            NumberNode,
            TextNode,
            BooleanNode,
            ArrayNode,
            ObjectNode,
            MathNode,
            and_node,
            or_node,
            not_node,
            branch_node,
            SwitchNode,
            GateNodeV2,
            sleep_node,
            WaitForSignalNode,
            HumanInputNode,
            RunFlowNode,
            EventEmitterNode,
            EventListenerNode,
            EventListenerNodeV2,
            IsRootExecutionNode,
            GroupNode,
            number_to_string_node,
            string_length_node,
            text_search_node,
            ArrayElementNode,
            array_length_node,
            stream_buffer_node,
            text_stream_node,
            debug_log_node,
            HttpRequestNode,
            unencrypted_secret,
        ),
    )
)


def builtin_catalog() -> Catalog:
    """A new catalog of the built-in nodes; more may be added to it."""
    return Catalog.of(*BUILT_IN)
