package prompt

import (
	"context"
	"errors"
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

const (
	maxRows   = 10 // of a list on the screen, as in the AWS CLI
	minWidth  = 20 // a narrower or lower terminal gets a numbered list
	minHeight = 6
	margin    = 3 // the cursor before a row, and the last column, where terminals wrap
)

// chooseByArrows draws the list below the cursor and takes it away again.
func (t *Terminal) chooseByArrows(ctx context.Context, label string, rows []Row, current int) (int, error) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width < minWidth || height < minHeight {
		return t.chooseByNumber(ctx, label, rows, current)
	}
	options := make([]huh.Option[int], len(rows))
	for i, r := range rows {
		options[i] = huh.NewOption(r.fit(width-margin), i)
	}
	keyboard, closed, err := openKeyboard(t.in)
	if err != nil {
		return 0, fmt.Errorf("terminal: %w", err)
	}
	defer closed()
	chosen := current
	list := huh.NewSelect[int]()
	list.Title(label).
		Description(cut("type to filter, arrows and Enter choose", width-1)).
		Options(options...).
		Height(min(len(rows), maxRows, height-3) + 2).
		Filtering(true).
		Validate(func(int) error {
			if _, ok := list.Hovered(); !ok {
				return errors.New("no row fits")
			}
			return nil
		}).
		Value(&chosen)
	form := huh.NewForm(huh.NewGroup(list)).
		WithKeyMap(keys()).WithTheme(huh.ThemeFunc(theme)).WithShowHelp(false).WithWidth(width).
		WithProgramOptions(tea.WithInput(keyboard), tea.WithOutput(t.out), tea.WithEnvironment(t.environ),
			tea.WithoutSignalHandler(), tea.WithFilter(guard(list)))
	err = form.RunWithContext(ctx)
	switch {
	case errors.Is(err, huh.ErrUserAborted), ctx.Err() != nil:
		return 0, ErrInterrupted
	case err != nil:
		return 0, fmt.Errorf("terminal: %w", err)
	}
	return chosen, nil
}

// guard corrects what reaches the list. A line feed is an Enter that was typed
// before the list was there. Moving in an empty list would leave it without a
// cursor. An interrupted list would stay on the screen, one that quits does not.
func guard(list *huh.Select[int]) func(tea.Model, tea.Msg) tea.Msg {
	return func(_ tea.Model, msg tea.Msg) tea.Msg {
		if _, ok := msg.(tea.InterruptMsg); ok {
			return tea.QuitMsg{}
		}
		press, ok := msg.(tea.KeyPressMsg)
		if !ok {
			return msg
		}
		switch press.String() {
		case "ctrl+j":
			return tea.KeyPressMsg{Code: tea.KeyEnter}
		case "up", "down", "ctrl+p", "ctrl+n":
			if _, ok := list.Hovered(); !ok {
				return nil
			}
		}
		return msg
	}
}

// keys leaves every letter to the filter.
func keys() *huh.KeyMap {
	k := huh.NewDefaultKeyMap()
	off := key.NewBinding(key.WithDisabled())
	k.Quit = key.NewBinding(key.WithKeys("ctrl+c"))
	k.Select = huh.SelectKeyMap{
		Up:     key.NewBinding(key.WithKeys("up", "ctrl+p")),
		Down:   key.NewBinding(key.WithKeys("down", "ctrl+n")),
		Submit: key.NewBinding(key.WithKeys("enter")),
		Next:   off, Prev: off, HalfPageUp: off, HalfPageDown: off, GotoTop: off, GotoBottom: off,
		Left: off, Right: off, Filter: off, SetFilter: off, ClearFilter: off,
	}
	return k
}

// theme uses the terminal's own colours, so that it is legible on any of them.
func theme(bool) *huh.Styles {
	s := huh.ThemeBase(false)
	s.Focused.Base = lipgloss.NewStyle()
	s.Focused.SelectSelector = lipgloss.NewStyle().SetString("> ")
	s.Focused.SelectedOption = lipgloss.NewStyle().Bold(true)
	s.Focused.Description = lipgloss.NewStyle().Faint(true)
	s.Focused.TextInput.Prompt = lipgloss.NewStyle().Bold(true)
	return s
}

// columns is the width of a text on the screen.
func columns(s string) int { return ansi.StringWidth(s) }

// cut shortens s to at most width columns.
func cut(s string, width int) string { return ansi.Truncate(s, width, "...") }
