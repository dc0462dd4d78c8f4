using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Sos.Ssh.Tests;

/// <summary>A shell that runs on a channel of the <see cref="LoopbackHost"/>: it answers lines, and a handful of commands.</summary>
internal sealed class TestShell(int channel)
{
    private readonly List<byte> _output = [];
    private readonly StringBuilder _line = new();
    private long _flood;
    private long _flooded;
    private bool _isShell;
    private bool _isCat;
    private bool _hasInputEnded;
    private uint? _exit;

    public void Take(ref SshSession session, SshEvent each)
    {
        switch (each.Kind)
        {
            case SshEventKind.Shell:
                Reset();
                _isShell = true;
                Print(session.Terminal(channel).IsThere ? $"terminal {session.Terminal(channel).Columns}\r\n" : "no terminal\n");
                break;
            case SshEventKind.Execute:
                Reset();
                Execute(Encoding.UTF8.GetString(session.Command(channel)));
                break;
            case SshEventKind.Break:
                Print($"break {each.Value}\r\n");
                break;
            case SshEventKind.Signal:
                Print($"signal {(SshSignal)each.Value}\r\n");
                break;
            case SshEventKind.WindowChanged:
                Print($"size {session.Terminal(channel).Columns}x{session.Terminal(channel).Rows}\r\n");
                break;
            case SshEventKind.EndOfInput:
                _hasInputEnded = true;
                break;
            case SshEventKind.Closed:
                Reset();
                break;
        }
    }

    public bool Run(ref SshSession session)
    {
        bool isBusy = false;
        byte[] data = new byte[2048];
        int count = _output.Count < 8192 ? session.Read(channel, data) : 0;
        if (count > 0)
        {
            isBusy = true;
            TakeInput(data.AsSpan(0, count));
        }

        if (_flood > _flooded && _output.Count < 65536)
        {
            // Bytes that tell their place, so that a client's copy can be checked.
            int more = (int)Math.Min(_flood - _flooded, 65536);
            _output.AddRange(Enumerable.Range(0, more).Select(i => (byte)((_flooded + i) % 251)));
            _flooded += more;
        }

        if (_output.Count > 0)
        {
            int written = session.Write(channel, _output.Take(16384).ToArray());
            _output.RemoveRange(0, written);
            isBusy |= written > 0;
        }

        bool isOver = (_isCat || _isShell) && _hasInputEnded && count == 0;
        if (_output.Count == 0 && _flooded >= _flood && (_exit is not null || isOver))
        {
            session.Exit(channel, _exit ?? 0);
            Reset();
            isBusy = true;
        }

        return isBusy;
    }

    private void TakeInput(ReadOnlySpan<byte> data)
    {
        if (_isCat)
        {
            _output.AddRange(data);
            return;
        }

        foreach (byte each in data)
        {
            if (each is not ((byte)'\r' or (byte)'\n'))
            {
                _line.Append((char)each);
                continue;
            }

            string line = _line.ToString();
            _line.Clear();
            if (line == "exit")
            {
                _exit = 7;
            }
            else
            {
                Print($"you said {line}\r\n");
            }
        }
    }

    private void Execute(string command)
    {
        string[] words = command.Split(' ', 2);
        switch (words[0])
        {
            case "echo":
                Print(words[1] + "\n");
                _exit = 0;
                break;
            case "status":
                _exit = uint.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
                break;
            case "flood":
                _flood = long.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
                _exit = 0;
                break;
            case "cat":
                _isCat = true;
                break;
            default:
                Print($"no such command: {command}\n");
                _exit = 127;
                break;
        }
    }

    private void Print(string text) => _output.AddRange(Encoding.UTF8.GetBytes(text));

    private void Reset()
    {
        _output.Clear();
        _line.Clear();
        (_flood, _flooded, _isShell, _isCat, _hasInputEnded, _exit) = (0, 0, false, false, false, null);
    }
}
