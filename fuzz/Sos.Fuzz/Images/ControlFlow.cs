namespace Sos.Fuzz.Images;

/// <summary>Where an instruction can go on.</summary>
public enum ControlFlow
{
    /// <summary>To the next one; the gate too.</summary>
    Next,

    /// <summary>To its target.</summary>
    Jump,

    /// <summary>To its target or the next one.</summary>
    ConditionalJump,

    /// <summary>To its target, and from there back to the next one.</summary>
    Call,

    /// <summary>To the caller.</summary>
    Return,

    /// <summary>To a target that a register holds.</summary>
    IndirectJump,

    /// <summary>Nowhere: a trap.</summary>
    End,

    /// <summary>Anything that no service may contain.</summary>
    Forbidden,
}

/// <summary>An instruction as a decoder sees it.</summary>
/// <param name="Length">Its bytes.</param>
/// <param name="Flow">Where it goes on.</param>
/// <param name="Target">The target, where the flow has one that is a constant.</param>
/// <param name="Text">For people.</param>
public sealed record DecodedInstruction(int Length, ControlFlow Flow, ulong Target, string Text);
