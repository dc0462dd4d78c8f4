namespace Sos.Image.Verification;

/// <summary>What is known of a general register, or of 8 bytes of a function's frame.</summary>
internal enum StackValueKind : byte
{
    /// <summary>Nothing.</summary>
    Unknown,

    /// <summary>An address on the stack.</summary>
    Address,

    /// <summary>What a register held at the function's entry.</summary>
    Saved,
}

/// <summary>An abstract value: an address on the stack, a register's value at the function's entry, or nothing of use.</summary>
/// <param name="Kind">Which of the others matter.</param>
/// <param name="Number">Of an address, its distance in bytes from RSP at the function's entry; of a saved value, the
/// register.</param>
/// <param name="Slack">How many bytes above that an address may lie; 0 for one that is exact.</param>
internal readonly record struct StackValue(StackValueKind Kind, long Number, long Slack)
{
    public static StackValue Unknown => default;

    public static StackValue Address(long offset, long slack = 0) => new(StackValueKind.Address, offset, slack);

    public static StackValue Saved(int register) => new(StackValueKind.Saved, register, 0);

    public bool IsExactAddress => Kind == StackValueKind.Address && Slack == 0;

    /// <summary>The lowest distance that the address can have, or null if it is none.</summary>
    public long? Offset => Kind == StackValueKind.Address ? Number : null;

    /// <summary>The address moved up; what is no address becomes unknown.</summary>
    public StackValue Plus(long bytes) => Kind == StackValueKind.Address ? this with { Number = Number + bytes } : Unknown;
}
