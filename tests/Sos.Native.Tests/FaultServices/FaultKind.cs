namespace FaultServices;

/// <summary>Values of the parameter "fault".</summary>
public enum FaultKind : ulong
{
    /// <summary>Goes on polling.</summary>
    None = 0,

    /// <summary>Writes to the address in the parameter "address".</summary>
    Write = 1,

    /// <summary>Indexes an array of 8 with "address".</summary>
    Bounds = 2,

    /// <summary>Fails an assertion.</summary>
    Assertion = 3,

    /// <summary>Never returns from its poll.</summary>
    Hang = 4,

    /// <summary>Raises the core's interrupt in every poll; no fault.</summary>
    Notify = 5,

    /// <summary>Reads from "address".</summary>
    Read = 6,

    /// <summary>Writes to its own code.</summary>
    WriteCode = 7,

    /// <summary>Executes its own data.</summary>
    ExecuteData = 8,

    /// <summary>Calls itself without end.</summary>
    StackOverflow = 9,

    /// <summary>Divides by zero.</summary>
    Divide = 10,

    /// <summary>Executes ud2.</summary>
    InvalidOpcode = 11,

    /// <summary>Executes hlt.</summary>
    Privileged = 12,

    /// <summary>Stores a vector where it is not aligned, with an instruction that insists.</summary>
    Misaligned = 13,

    /// <summary>Tries to reset the machine; if that is not refused, an assertion fails, else it notifies, in every poll.</summary>
    Act = 14,
}
