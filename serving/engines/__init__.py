"""Engines: vLLM under its guard, any URL that speaks the OpenAI API, and what an arm is.

From outside: `vllm_engine.VllmEngine`, `openai_client.complete_many`, `arms.Endpoint`.
`vllm_engine` alone names vllm.
"""
