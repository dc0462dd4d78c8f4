namespace Sos.Lab.Agent;

/// <summary>The kind of a frame between host and guest agent.</summary>
public enum FrameKind : byte
{
    /// <summary>Host to guest: start a command; payload: its shell command line in UTF-8.</summary>
    Start = 1,

    /// <summary>Host to guest: bytes for the command's standard input.</summary>
    Input = 2,

    /// <summary>Host to guest: end of the command's standard input.</summary>
    InputEnd = 3,

    /// <summary>Host to guest: kill the command and all that it started.</summary>
    Kill = 4,

    /// <summary>Guest to host: bytes the command wrote to standard output.</summary>
    Output = 5,

    /// <summary>Guest to host: bytes the command wrote to standard error.</summary>
    Error = 6,

    /// <summary>Guest to host: the command ended; payload: its exit code, 32 bits, little endian.</summary>
    Exit = 7,

    /// <summary>Guest to host: the agent is up; command 0.</summary>
    Ready = 8,
}

/// <summary>One message between host and guest agent.</summary>
/// <param name="Command">The command it belongs to, chosen by the host, from 1.</param>
/// <param name="Kind">What it carries.</param>
/// <param name="Payload">The bytes, at most <see cref="FrameStream.PayloadMax"/>.</param>
public readonly record struct Frame(uint Command, FrameKind Kind, byte[] Payload);
