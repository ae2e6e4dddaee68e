/** An argument of a prompt, as text: clients ask people for it. */
export interface PromptArgument {
  name: 'model_id' | 'version' | 'source';
  description: string;
  required: boolean;
}

/** One call that a prompt asks for. */
export interface PromptStep {
  tool: string;
  /** The call's arguments, where they are known beforehand. */
  given?: Record<string, unknown>;
  /** What it is for, what to look at in the answer, what then. Sentences that name a tool that the caller lacks are left out. */
  why: string;
}

export type PromptValues = Partial<Record<PromptArgument['name'], string>>;

/** A way through the tools that a person chooses in the client. */
export interface Prompt {
  name: string;
  title: string;
  description: string;
  /** Tools without which it leads nowhere: who lacks one is not offered it. */
  needs: readonly string[];
  arguments: readonly PromptArgument[];
  /** What is to be reached, before the calls. */
  goal(values: PromptValues): string;
  steps(values: PromptValues): PromptStep[];
  /** What to tell the person at the end. */
  report: string;
}
