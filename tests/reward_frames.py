"""Small chat templates of other makes than ChatML: format → (template, the token that ends a turn)."""

from __future__ import annotations

HARMONY = """\
<|start|>developer<|message|>{% for tool in tools %}{{ tool | tojson }}{% endfor %}<|end|>
{%- for message in messages %}
{%- if message.role == "tool" -%}
<|start|>functions.{{ message.name }} to=assistant<|channel|>commentary<|message|>{{ message.content }}<|end|>
{%- elif message.tool_calls -%}
{%- for call in message.tool_calls -%}
<|start|>assistant to=functions.{{ call.function.name }}<|channel|>commentary json<|message|>
{{- call.function.arguments | tojson }}<|call|>
{%- endfor %}
{%- else -%}
<|start|>{{ message.role }}<|message|>{{ message.content }}<|end|>
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|start|>assistant{% endif %}"""

# Arguments as text alone, a mark before each role, and none behind a call.
TEXT_ARGUMENTS = """\
{% for tool in tools %}{{ tool | tojson }}{% endfor %}
{%- for message in messages %}
{%- if message.role == "tool" %}<|observation|>{{ message.content }}
{%- elif message.tool_calls %}<|assistant|>
{%- for call in message.tool_calls -%}
<tool_call>{{ call.function.name + call.function.arguments }}</tool_call>
{%- endfor %}
{%- else %}<|{{ message.role }}|>{{ message.content }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""

TEMPLATES = {"gpt-oss": (HARMONY, "<|return|>"), "glm": (TEXT_ARGUMENTS, "<|endoftext|>")}
