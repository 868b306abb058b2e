package chat

import (
	"fmt"
	"strings"
)

// Names lists the templates that ByName knows, sorted.
func Names() []string { return sortedKeys(named) }

// ByName returns a template for models whose files carry none. Its error is ErrName.
func ByName(name string) (*Template, error) {
	source, ok := named[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q; there are %s", ErrName, name, strings.Join(Names(), ", "))
	}
	return Parse(source, Limits{})
}

// named are templates of model families, reduced to conversations of text. Where a family has no system turn, the system's
// text comes before that of the first user turn. testdata/make.py reads them from here.
var named = map[string]string{
	"alpaca": `{{ bos_token }}{% for message in messages %}
{%- if message.role == 'system' %}{{ message.content | trim }}{{ '\n\n' }}
{%- elif message.role == 'user' %}{{ '### Instruction:\n' ~ (message.content | trim) ~ '\n\n' }}
{%- else %}{{ '### Response:\n' ~ (message.content | trim) ~ eos_token ~ '\n\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}`,

	"chatml": `{% for message in messages %}
{{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`,

	"command-r": `{{ bos_token }}{% for message in messages %}
{{- '<|START_OF_TURN_TOKEN|><|' ~ {'system': 'SYSTEM', 'user': 'USER'}.get(message.role, 'CHATBOT') ~ '_TOKEN|>' }}
{{- (message.content | trim) ~ '<|END_OF_TURN_TOKEN|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}`,

	"deepseek": `{{ bos_token }}{% for message in messages %}
{%- if message.role == 'system' %}{{ message.content }}
{%- elif message.role == 'user' %}{{ '<｜User｜>' ~ message.content }}
{%- else %}{{ '<｜Assistant｜>' ~ message.content ~ '<｜end▁of▁sentence｜>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}`,

	"gemma": `{{ bos_token }}{% set ns = namespace(system='') %}{% for message in messages %}
{%- if message.role == 'system' %}{% set ns.system = (message.content | trim) ~ '\n\n' %}
{%- else %}
{{- '<start_of_turn>' ~ ('model' if message.role == 'assistant' else message.role) ~ '\n' }}
{{- ns.system ~ (message.content | trim) ~ '<end_of_turn>\n' }}{% set ns.system = '' %}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}`,

	"granite": `{% for message in messages %}
{{- '<|start_of_role|>' ~ message.role ~ '<|end_of_role|>' ~ message.content ~ '<|end_of_text|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}`,

	"llama2": `{% set ns = namespace(system='') %}{% for message in messages %}
{%- if message.role == 'system' %}{% set ns.system = '<<SYS>>\n' ~ message.content ~ '\n<</SYS>>\n\n' %}
{%- elif message.role == 'user' %}{{ bos_token ~ '[INST] ' ~ (ns.system ~ message.content) | trim ~ ' [/INST]' }}{% set ns.system = '' %}
{%- else %}{{ ' ' ~ message.content | trim ~ ' ' ~ eos_token }}{% endif %}
{%- endfor %}`,

	"llama3": `{{ bos_token }}{% for message in messages %}
{{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ message.content | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}`,

	"mistral": `{{ bos_token }}{% set ns = namespace(system='') %}{% for message in messages %}
{%- if message.role == 'system' %}{% set ns.system = message.content ~ '\n\n' %}
{%- elif message.role == 'user' %}{{ '[INST] ' ~ ns.system ~ message.content ~ ' [/INST]' }}{% set ns.system = '' %}
{%- else %}{{ ' ' ~ message.content | trim ~ eos_token }}{% endif %}
{%- endfor %}`,

	"openchat": `{{ bos_token }}{% for message in messages %}
{%- if message.role == 'system' %}{{ message.content ~ '<|end_of_turn|>' }}
{%- else %}{{ 'GPT4 Correct ' ~ message.role | title ~ ': ' ~ message.content ~ '<|end_of_turn|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}`,

	"phi3": `{% for message in messages %}
{{- '<|' ~ message.role ~ '|>\n' ~ message.content ~ '<|end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}`,

	"vicuna": `{{ bos_token }}{% for message in messages %}
{%- if message.role == 'system' %}{{ message.content ~ '\n\n' }}
{%- elif message.role == 'user' %}{{ 'USER: ' ~ message.content ~ '\n' }}
{%- else %}{{ 'ASSISTANT: ' ~ message.content ~ eos_token ~ '\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}`,

	"zephyr": `{% for message in messages %}
{{- '<|' ~ message.role ~ '|>\n' ~ message.content ~ eos_token ~ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}`,
}
