using System;
using Sos.RemoteConsole.Text;

namespace Sos.RemoteConsole.Commands;

/// <summary>Writes a row of a table, as text in columns or as an object of JSON: the same fields for people and for programs.</summary>
internal ref struct RowWriter
{
    private const int FieldNameWidth = 18;

    private readonly ref TextOutput _output;
    private readonly bool _isJson;
    private readonly bool _isFields;
    private int _padding;
    private int _fields;

    /// <summary>Begins a row.</summary>
    /// <param name="output">Where it goes.</param>
    /// <param name="state">The command's memory, where rows are counted.</param>
    /// <param name="form">The command's form.</param>
    public RowWriter(ref TextOutput output, ref CommandState state, CommandForm form)
    {
        _output = ref output;
        _isJson = state.IsJson;
        _isFields = form == CommandForm.Fields;
        if (_isJson)
        {
            _output.Write(_isFields ? "{"u8 : state.Rows == 0 ? "[{"u8 : ",\n{"u8);
        }

        state.Rows++;
    }

    /// <summary>Writes a text.</summary>
    /// <param name="name">The field's name, as JSON has it: lower case, words with underscores between.</param>
    /// <param name="value">The value.</param>
    /// <param name="width">Columns at least, in a table; the last one needs none.</param>
    public void Text(scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> value, int width = 0)
    {
        Begin(name);
        if (_isJson)
        {
            _output.WriteJsonText(value);
            return;
        }

        int before = _output.Room;
        _output.WritePrintable(value);
        End(before, width);
    }

    /// <summary>Writes a number.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="value">The value.</param>
    /// <param name="width">Columns at least, in a table; numbers stand at their right end.</param>
    public void Number(scoped ReadOnlySpan<byte> name, ulong value, int width = 0)
    {
        Begin(name);
        _output.WriteNumber(value, _isJson || _isFields ? 1 : Math.Max(width, 1));
    }

    /// <summary>Writes an address or another number that is read in hexadecimal digits; in JSON a text, since numbers there end at 2^53.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="value">The value.</param>
    /// <param name="digits">Digits at least.</param>
    public void Hex(scoped ReadOnlySpan<byte> name, ulong value, int digits = 1)
    {
        Begin(name);
        _output.Write(_isJson ? "\"0x"u8 : "0x"u8);
        _output.WriteHex(value, digits);
        _output.Write(_isJson ? "\""u8 : default);
    }

    /// <summary>Writes yes or no.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="value">The value.</param>
    /// <param name="width">Columns at least, in a table.</param>
    public void Flag(scoped ReadOnlySpan<byte> name, bool value, int width = 0)
    {
        Begin(name);
        int before = _output.Room;
        _output.Write(_isJson ? (value ? "true"u8 : "false"u8) : value ? "yes"u8 : "no"u8);
        End(before, width);
    }

    /// <summary>Writes a time span: seconds in JSON.</summary>
    /// <param name="name">The field's name, which ends with "_s"; people see the unit.</param>
    /// <param name="seconds">The value.</param>
    /// <param name="width">Columns at least, in a table.</param>
    public void Time(scoped ReadOnlySpan<byte> name, ulong seconds, int width = 0)
    {
        Begin(_isJson ? name : name[..^"_s"u8.Length]);
        int before = _output.Room;
        if (_isJson)
        {
            _output.WriteNumber(seconds);
            return;
        }

        _output.WriteTime(seconds);
        End(before, width);
    }

    /// <summary>Ends the row.</summary>
    public readonly void End()
    {
        if (_isJson)
        {
            _output.Write((byte)'}');
        }
        else if (!_isFields || _fields > 0)
        {
            _output.NewLine();
        }
    }

    private void Begin(scoped ReadOnlySpan<byte> name)
    {
        bool isFirst = _fields++ == 0;
        if (_isJson)
        {
            _output.Write(isFirst ? default : ","u8);
            _output.WriteJsonText(name);
            _output.Write((byte)':');
            return;
        }

        if (!_isFields)
        {
            for (int i = isFirst ? 2 : 0; i < _padding + 2; i++)
            {
                _output.Write((byte)' ');
            }

            _padding = 0;
            return;
        }

        if (!isFirst)
        {
            _output.NewLine();
        }

        // A name is written for people with blanks between its words.
        foreach (byte each in name)
        {
            _output.Write(each == (byte)'_' ? (byte)' ' : each);
        }

        for (int i = name.Length; i < FieldNameWidth; i++)
        {
            _output.Write((byte)' ');
        }
    }

    private void End(int roomBefore, int width) => _padding = Math.Max(0, width - (roomBefore - _output.Room));
}
