namespace Sos.Sdk.Control;

/// <summary>enum sos_action: what a service does to the machine, if it was granted.</summary>
public enum ServiceAction : uint
{
    /// <summary>
    /// Asks whether Linux has not yet taken the last <see cref="Sysrq"/> or <see cref="Release"/>; with an argument other than 0 it is withdrawn.
    /// </summary>
    Query = 0,

    /// <summary>Has Linux do what a SysRq key does; the argument is its character.</summary>
    Sysrq = 1,

    /// <summary>Gives the core back to Linux.</summary>
    Release = 2,

    /// <summary>Has one of Linux's CPUs store its registers; the argument is its number, as of the next two.</summary>
    Look = 3,

    /// <summary>Sends it an NMI that Linux does not know of.</summary>
    Nmi = 4,

    /// <summary>Has it panic.</summary>
    Crash = 5,

    /// <summary>Resets the machine; the argument is a <see cref="ResetMethod"/>.</summary>
    Reset = 6,
}

/// <summary>enum sos_reset: how the machine is reset.</summary>
public enum ResetMethod : uint
{
    /// <summary>By the reset register that the firmware names.</summary>
    Acpi = 0,

    /// <summary>By the chipset's reset control register.</summary>
    Cf9 = 1,

    /// <summary>By the keyboard controller.</summary>
    Keyboard = 2,

    /// <summary>By a triple fault.</summary>
    Triple = 3,
}

/// <summary>Answers to <see cref="ServiceAction"/>: 0, 1 for <see cref="ServiceAction.Query"/>, or one of these errnos, negative.</summary>
public static class ActionAnswer
{
    /// <summary>The action was not granted.</summary>
    public const long NotGranted = -1;

    /// <summary>The method was tried, and the machine was not reset at once.</summary>
    public const long NotReset = -5;

    /// <summary>Linux has not taken what it was asked for before.</summary>
    public const long Busy = -16;

    /// <summary>There is no such CPU of Linux's, or no such method.</summary>
    public const long NoDevice = -19;

    /// <summary>The argument cannot be.</summary>
    public const long Invalid = -22;
}

/// <summary>The actions that a service was granted: the resource <see cref="ResourceKind.Actions"/>.</summary>
/// <param name="aux"><see cref="Resource.Aux"/>; 0 for none.</param>
public readonly struct GrantedActions(ulong aux)
{
    private const int MethodsShift = 32;

    private readonly ulong _aux = aux;

    /// <summary>Packs the bits of actions and of reset methods.</summary>
    public static ulong Pack(uint actions, uint methods) => actions | ((ulong)methods << MethodsShift);

    /// <summary>Whether an action was granted.</summary>
    public bool Has(ServiceAction action) => ((_aux >> (int)action) & 1) != 0;

    /// <summary>Whether the machine can be reset in a way.</summary>
    public bool Has(ResetMethod method) => ((_aux >> (MethodsShift + (int)method)) & 1) != 0;
}
