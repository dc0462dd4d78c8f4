using Sos.RemoteConsole.Text;

namespace Sos.RemoteConsole.Telnet;

/// <summary>The meaning of a byte of the stream.</summary>
internal enum TelnetKey : byte
{
    /// <summary>Nothing: a part of a command.</summary>
    None = 0,

    /// <summary>A byte that was typed.</summary>
    Data,

    /// <summary>BREAK (RFC 854).</summary>
    Break,
}

/// <summary>Telnet's commands and options (RFC 854, 857, 858, 1143): we echo, and send without waiting for lines; all else is declined.</summary>
internal struct TelnetProtocol
{
    private const byte Iac = 255;
    private const byte Dont = 254;
    private const byte Do = 253;
    private const byte Wont = 252;
    private const byte Will = 251;
    private const byte SubBegin = 250;
    private const byte EraseLine = 248;
    private const byte EraseCharacter = 247;
    private const byte AreYouThere = 246;
    private const byte Interrupt = 244;
    private const byte BreakCode = 243;
    private const byte SubEnd = 240;
    private const byte EchoOption = 1;
    private const byte GoAheadOption = 3;

    private State _state;
    private byte _verb;
    private bool _echoDeclined;
    private bool _goAheadDeclined;

    private enum State : byte
    {
        Data = 0,
        Command,
        Option,
        Sub,
        SubCommand,
    }

    /// <summary>Whether the client lets us echo: one that knows no telnet does it itself, or not at all.</summary>
    public bool Echoes { get; private set; }

    /// <summary>Offers what we do.</summary>
    public static void Begin(ref TextOutput output) => output.Write([Iac, Will, EchoOption, Iac, Will, GoAheadOption]);

    /// <summary>Takes a byte.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="output">Where answers go.</param>
    /// <param name="key">The byte that was typed.</param>
    public TelnetKey Take(byte value, ref TextOutput output, out byte key)
    {
        key = value;
        switch (_state)
        {
            case State.Data:
                _state = value == Iac ? State.Command : State.Data;
                return value == Iac ? TelnetKey.None : TelnetKey.Data;
            case State.Command:
                return TakeCommand(value, ref output, out key);
            case State.Option:
                _state = State.Data;
                TakeOption(value, ref output);
                return TelnetKey.None;
            case State.Sub:
                _state = value == Iac ? State.SubCommand : State.Sub;
                return TelnetKey.None;
            default:
                _state = value == SubEnd ? State.Data : State.Sub;
                return TelnetKey.None;
        }
    }

    private TelnetKey TakeCommand(byte value, ref TextOutput output, out byte key)
    {
        key = value;
        _state = State.Data;
        switch (value)
        {
            case Iac:
                return TelnetKey.Data;
            case Interrupt:
                key = 3; // ^C
                return TelnetKey.Data;
            case EraseCharacter:
                key = 8;
                return TelnetKey.Data;
            case EraseLine:
                key = 21; // ^U
                return TelnetKey.Data;
            case BreakCode:
                return TelnetKey.Break;
            case AreYouThere:
                output.Write("\r\n[yes]\r\n"u8);
                return TelnetKey.None;
            case SubBegin:
                _state = State.Sub;
                return TelnetKey.None;
            case Do or Dont or Will or Wont:
                _verb = value;
                _state = State.Option;
                return TelnetKey.None;
            default:
                return TelnetKey.None;
        }
    }

    /// <summary>Answers a request for an option, once for each change, so that no loop comes of it (RFC 1143).</summary>
    private void TakeOption(byte option, ref TextOutput output)
    {
        switch (_verb)
        {
            case Do when option == EchoOption:
                Echoes = true;
                Accept(ref _echoDeclined, option, ref output);
                break;
            case Do when option == GoAheadOption:
                Accept(ref _goAheadDeclined, option, ref output);
                break;
            case Dont when option == EchoOption:
                Echoes = false;
                _echoDeclined = true;
                break;
            case Dont when option == GoAheadOption:
                _goAheadDeclined = true;
                break;
            case Do:
                output.Write([Iac, Wont, option]);
                break;
            case Will:
                output.Write([Iac, Dont, option]);
                break;
        }
    }

    /// <summary>Agrees to an option that was declined before; else the request answers our offer.</summary>
    private static void Accept(ref bool declined, byte option, ref TextOutput output)
    {
        if (declined)
        {
            declined = false;
            output.Write([Iac, Will, option]);
        }
    }
}
